/** Every mechanism, by its name in config.json. */
import { combiner } from "./combiner.ts";
import { compressive } from "./compressive.ts";
import { hTransformer } from "./h-transformer.ts";
import { infini } from "./infini.ts";
import { linear } from "./linear.ts";
import { linformer } from "./linformer.ts";
import type { AttentionMechanism, BlockMechanism, Mechanism, MechanismSizes } from "./mechanism.ts";
import { performer } from "./performer.ts";
import { window } from "./window.ts";

/** The mechanisms. */
export const mechanisms = {
  window,
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

/** Returns how many earlier tokens a layer's context keeps before the segment: W, or what the mechanism needs. */
export function pastLength(config: Choice & { readonly xl_cache_length: number }): number {
  const chosen = mechanismOf(config);
  return chosen?.attention?.past?.(chosen.sizes) ?? config.xl_cache_length;
}
