/** Every mechanism, by its name in config.json. */
import { bigBird } from "./big-bird.ts";
import { blockRecurrent } from "./block-recurrent.ts";
import { combiner } from "./combiner.ts";
import { compressive } from "./compressive.ts";
import { etc } from "./etc.ts";
import { expireSpan } from "./expire-span.ts";
import { feedback } from "./feedback.ts";
import { hTransformer } from "./h-transformer.ts";
import { infini } from "./infini.ts";
import { linear } from "./linear.ts";
import { linformer } from "./linformer.ts";
import { lstm } from "./lstm.ts";
import type { AttentionMechanism, BlockMechanism, Mechanism, MechanismSizes, StackMechanism } from "./mechanism.ts";
import { performer } from "./performer.ts";
import { readTwice } from "./read-twice.ts";
import { reformer } from "./reformer.ts";
import { routing } from "./routing.ts";
import { window } from "./window.ts";

/** The mechanisms. */
export const mechanisms = {
  window,
  "big-bird": bigBird,
  etc,
  reformer,
  routing,
  compressive,
  linear,
  performer,
  infini,
  linformer,
  "h-transformer": hTransformer,
  combiner,
  "expire-span": expireSpan,
  "block-recurrent": blockRecurrent,
  lstm,
  feedback,
  "read-twice": readTwice,
} satisfies Record<string, Mechanism>;

/** The name of a mechanism. */
export type MechanismName = keyof typeof mechanisms;
export const MECHANISM_NAMES = Object.keys(mechanisms) as MechanismName[];

/** A configuration that may name a mechanism. */
interface Choice extends Partial<MechanismSizes> {
  readonly mechanism?: MechanismName | "none";
}

/** The mechanism that a configuration names, with the sizes that it reads. */
export interface ChosenMechanism {
  readonly name: MechanismName;
  readonly sizes: MechanismSizes;
  /** Set if it takes the place of local attention. */
  readonly attention: AttentionMechanism | undefined;
  /** Set if it takes the place of a block. */
  readonly block: BlockMechanism | undefined;
  /** Set if it takes the place of all blocks together. */
  readonly stack: StackMechanism | undefined;
  /** How many times its parameters and what it carries are there: once for each layer, or once. */
  readonly copies: number;
  readonly parts: Mechanism;
}

/** Returns the mechanism of a parsed configuration, if it has one. */
export function mechanismOf(config: Choice): ChosenMechanism | undefined {
  const { mechanism: name = "none" } = config;
  if (name === "none") return undefined;
  const parts: Mechanism = mechanisms[name];
  const sizes = config as MechanismSizes;
  return {
    name,
    sizes,
    attention: "attend" in parts ? parts : undefined,
    block: "block" in parts ? parts : undefined,
    stack: "stack" in parts ? parts : undefined,
    copies: "stack" in parts ? 1 : sizes.num_hidden_layers,
    parts,
  };
}

/** Positions of a layer's context before the segment. */
export interface PastLengths {
  /** Those at the beginning, which stay. */
  readonly pinned: number;
  /** All of them: pinned ones, and earlier tokens, W or what the mechanism needs. */
  readonly length: number;
}

/** Returns the positions of a layer's context before the segment. */
export function pastOf(config: Choice & { readonly xl_cache_length: number }): PastLengths {
  const chosen = mechanismOf(config);
  const pinned = chosen?.attention?.pinned?.(chosen.sizes) ?? 0;
  return { pinned, length: pinned + (chosen?.attention?.past?.(chosen.sizes) ?? config.xl_cache_length) };
}
