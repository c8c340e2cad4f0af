/** Every mechanism, by its name in config.json. */
import { bigBird } from "./big-bird.ts";
import { combiner } from "./combiner.ts";
import { compressive } from "./compressive.ts";
import { etc } from "./etc.ts";
import { hTransformer } from "./h-transformer.ts";
import { infini } from "./infini.ts";
import { linear } from "./linear.ts";
import { linformer } from "./linformer.ts";
import type { AttentionMechanism, BlockMechanism, Mechanism, MechanismSizes } from "./mechanism.ts";
import { performer } from "./performer.ts";
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
  readonly parts: Mechanism;
}

/** Returns the mechanism of a parsed configuration, if it has one. */
export function mechanismOf(config: Choice): ChosenMechanism | undefined {
  const { mechanism: name = "none" } = config;
  if (name === "none") return undefined;
  const parts: Mechanism = mechanisms[name];
  const [attention, block] = "attend" in parts ? [parts, undefined] : [undefined, parts];
  return { name, sizes: config as MechanismSizes, attention, block, parts };
}

/** Positions of a layer's context before the segment. */
export interface PastLengths {
  /** Those at the beginning, which stay. */
  readonly pinned: number;
  /** All of them: pinned ones, and earlier tokens, W or as many as the mechanism needs. */
  readonly length: number;
}

/** Returns the positions of a layer's context before the segment. */
export function pastOf(config: Choice & { readonly xl_cache_length: number }): PastLengths {
  const chosen = mechanismOf(config);
  const pinned = chosen?.attention?.pinned?.(chosen.sizes) ?? 0;
  return { pinned, length: pinned + (chosen?.attention?.past?.(chosen.sizes) ?? config.xl_cache_length) };
}
