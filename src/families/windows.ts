/** Which layers see only a window: `layer_types`, or the older keys that it replaces. */
import type { Architecture } from "./architecture.ts";
import type { ConfigReader } from "./config-reader.ts";
import { perLayer } from "./sizes.ts";

/**
 * The layers that `layer_types` calls sliding, or those that `old` names where it is left out.
 * @throws InputError if it is not a list of the two kinds, one for each layer
 */
export function slidingLayers(config: ConfigReader, layers: number, old: (layer: number) => boolean): boolean[] {
  const types = config.any("layer_types");
  if (types === undefined) return perLayer(layers, old);
  const known = (type: unknown) => type === "full_attention" || type === "sliding_attention";
  if (!Array.isArray(types) || types.length !== layers || !types.every(known)) {
    config.refuse(`layer_types must be a list of ${layers} items, each "full_attention" or "sliding_attention"`);
  }
  return (types as string[]).map((type) => type === "sliding_attention");
}

/** The window of each layer, of `sliding_window` keys where it slides. */
export function readWindows(config: ConfigReader, sliding: readonly boolean[]): Architecture["windows"] {
  const window = sliding.includes(true) ? config.whole("sliding_window") : null;
  config.has("sliding_window"); // known, but without effect if no layer slides
  return sliding.map((slides) => (slides ? window : null));
}

/** Qwen's way: a window in the layers from `max_window_layers` on, if `use_sliding_window` is true. */
export function qwenWindows(config: ConfigReader, layers: number): Architecture["windows"] {
  const full = config.flag("use_sliding_window", false) ? config.count("max_window_layers", 28) : layers;
  const sliding = slidingLayers(config, layers, (layer) => layer >= full);
  return readWindows(config, sliding);
}
