/**
 * Rotary positions (Su et al., RoFormer, 2021): angles per position, and the two spellings in which config.json asks for them. The
 * pairs of a head turn by θ^(−2i/R) radians a position; two published changes for longer texts slow some of them down.
 */
import { exp, log } from "../base/portable-math.ts";
import type { ConfigReader } from "./config-reader.ts";

/** How the angles of a model differ from θ^(−2i/R). */
export type RopeScaling =
  | { readonly type: "default" }
  /** All are divided by the factor. */
  | { readonly type: "linear"; readonly factor: number }
  /** Llama 3: slow ones are divided, fast ones are not, those between are mixed. */
  | {
      readonly type: "llama3";
      readonly factor: number;
      readonly low: number;
      readonly high: number;
      readonly original: number;
    };

/** What a configuration says of rotary positions. */
export interface Rope {
  readonly theta: number;
  readonly scaling: RopeScaling;
  /** Share of a head's entries that are rotated; undefined if nothing is said of it. */
  readonly share: number | undefined;
}

/** The R / 2 angles per position, in radians; R is `dimensions`. */
export function inverseFrequencies(dimensions: number, theta: number, scaling: RopeScaling): Float64Array {
  return Float64Array.from({ length: dimensions / 2 }, (_, i) =>
    scaled(exp((-2 * i * log(theta)) / dimensions), scaling),
  );
}

function scaled(frequency: number, scaling: RopeScaling): number {
  if (scaling.type === "default") return frequency;
  if (scaling.type === "linear") return frequency / scaling.factor;
  const { factor, low, high, original } = scaling;
  /** Turns within the length that the model was first trained on. */
  const turns = (original * frequency) / (2 * Math.PI);
  if (turns > high) return frequency;
  if (turns < low) return frequency / factor;
  const fast = (turns - low) / (high - low);
  return (1 - fast) * (frequency / factor) + fast * frequency;
}

/** The old names of a family's keys. */
export interface OldSpelling {
  readonly theta: string;
  readonly share?: string;
}

/**
 * What `config` says, in the spelling of transformers 5 (`rope_parameters`) or before (`rope_theta`, `rope_scaling`); undefined
 * if it names no θ in either. Where both stand, `rope_parameters` holds.
 */
export function readRope(config: ConfigReader, old: OldSpelling): Rope | undefined {
  const outer = config.has(old.theta) ? config.positive(old.theta) : undefined;
  const outerShare = old.share !== undefined && config.has(old.share) ? config.positive(old.share) : undefined;
  const parameters = config.inner("rope_parameters");
  const oldScaling = config.inner("rope_scaling");
  if (parameters === undefined) {
    const scaling = readScaling(oldScaling);
    return outer === undefined ? undefined : { theta: outer, scaling, share: outerShare };
  }
  if (oldScaling !== undefined)
    config.refuse("both rope_parameters and rope_scaling are given; delete the one that is wrong");
  const rope = readRopeParameters(parameters, outer);
  return rope && { ...rope, share: rope.share ?? outerShare };
}

/** One object of the new spelling; `theta` is taken where it names none. */
export function readRopeParameters(parameters: ConfigReader, theta?: number): Rope | undefined {
  const own = parameters.has("rope_theta") ? parameters.positive("rope_theta") : theta;
  const share = parameters.has("partial_rotary_factor") ? parameters.positive("partial_rotary_factor") : undefined;
  const scaling = readScaling(parameters);
  return own === undefined ? undefined : { theta: own, scaling, share };
}

/** The scaling that an object of either spelling describes; the oldest files say `type`. */
export function readScaling(scaling: ConfigReader | undefined): RopeScaling {
  if (scaling === undefined) return { type: "default" };
  const types = ["default", "linear", "llama3"] as const;
  const type = scaling.has("rope_type") ? scaling.choice("rope_type", ...types) : scaling.choice("type", ...types);
  if (scaling.has("type")) scaling.choice("type", type); // both are written at times; they must agree
  const read = readFactors(scaling, type);
  scaling.end();
  return read;
}

function readFactors(scaling: ConfigReader, type: RopeScaling["type"]): RopeScaling {
  if (type === "default") return { type };
  const factor = scaling.positive("factor");
  if (type === "linear") return { type, factor };
  const [low, high] = [scaling.positive("low_freq_factor"), scaling.positive("high_freq_factor")];
  if (low >= high) scaling.refuse(`low_freq_factor is ${low}; it must be less than high_freq_factor, ${high}`);
  return { type, factor, low, high, original: scaling.whole("original_max_position_embeddings", undefined, 2 ** 40) };
}

/** The rope of a family in which nothing else makes sense than a stated θ. */
export function requireRope(config: ConfigReader, rope: Rope | undefined, old: OldSpelling): Rope {
  return (
    rope ??
    config.refuse(
      `it names neither rope_parameters with a rope_theta nor ${old.theta}, and a wrong guess would go unnoticed`,
    )
  );
}

/** Checks that all of a head is rotated. */
export function requireWholeHead(config: ConfigReader, { share }: Rope): void {
  if (share === undefined || share === 1) return;
  config.refuse(`partial_rotary_factor is ${share}; in this family all of a head is rotated`);
}
