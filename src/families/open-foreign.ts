/** A model that somebody else trained, ready to read: its decoder, its tokenizer, and how it reads what is longer than its window. */
import { aFunction, check, either, listOf, oneOf, optional, someOptions, whole } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import type { OpenedModel } from "../nn/opened-model.ts";
import type { Architecture } from "./architecture.ts";
import { Decoder } from "./decoder.ts";
import type { ForeignModel } from "./foreign-model.ts";
import { chatTemplateOf, tokenizerOf } from "./foreign-tokenizer.ts";
import { type LoadProgress, loadWeights } from "./load-weights.ts";
import { allMemoryHeads, type ReadingSettings, readingSettings, sees } from "./reading-settings.ts";
import { type WeightKind, weightKinds } from "./weight-kinds.ts";

/** M where nothing else is said. */
const USUAL_MEMORY = 8192;

/** How a model that others trained reads, and how its weights are kept. */
export interface ForeignOptions extends Partial<Omit<ReadingSettings, "memoryHeads">> {
  /** The layers that have a memory, in all of their kv heads. Default: those that were trained, or all that can. */
  readonly memoryLayers?: readonly number[] | "all";
  /** How weights are kept. Default: `stored`. */
  readonly weights?: WeightKind;
  /** Called while weights are read. */
  readonly onProgress?: LoadProgress;
}

/**
 * Reads the weights of a model.
 * @throws InputError if it has no tokenizer, a file is damaged, or a setting is impossible for it
 */
export function openForeign(foreign: ForeignModel, options: ForeignOptions = {}): OpenedModel {
  check("options", options, someOptions);
  const { weights: kind = weightKinds[0], onProgress } = options;
  check("weights", kind, oneOf(...weightKinds));
  check("onProgress", onProgress, optional(aFunction));
  const { architecture } = foreign;
  const tokenizer = tokenizerOf(foreign);
  const settings = settingsOf(foreign, options);
  const { weights, digest } = loadWeights(foreign, kind, onProgress);
  const model = new Decoder(architecture, weights, settings, digest);
  const altered = tokenizer.alters === undefined ? [] : [`${foreign.name}: the tokenizer ${tokenizer.alters}`];
  return { model, tokenizer, notes: [...foreign.notes, ...altered], chatTemplate: () => chatTemplateOf(foreign) };
}

/**
 * Complete settings of a model's states: what is given, else how it read when its memory was trained, else the defaults. Throws an
 * InputError for one that is impossible.
 */
export function settingsOf(
  { architecture, trained }: Pick<ForeignModel, "architecture" | "trained">,
  { memoryLayers, weights: _, onProgress: __, ...given }: ForeignOptions = {},
): ReadingSettings {
  check("memoryLayers", memoryLayers, either(oneOf("all"), optional(listOf(whole(0)))));
  const memoryHeads = memoryLayers && headsIn(architecture, memoryLayers);
  const chosen = Object.fromEntries(
    Object.entries({ ...given, memoryHeads }).filter(([, value]) => value !== undefined),
  );
  return readingSettings(architecture, {
    memorySize: USUAL_MEMORY,
    ...trainedSettings(trained, given.window),
    ...chosen,
  });
}

/** How the model read when its memory was trained. The distance of sinks belongs to a window. */
function trainedSettings(trained: ForeignModel["trained"], window: number | undefined): Partial<ReadingSettings> {
  if (trained === undefined) return {};
  const { sinkDistance, ...others } = trained.settings;
  return window === undefined ? { ...others, sinkDistance } : others;
}

function headsIn(architecture: Architecture, layers: readonly number[] | "all"): ReadingSettings["memoryHeads"] {
  if (layers === "all") return allMemoryHeads(architecture);
  for (const layer of layers) {
    if (layer >= architecture.layers) {
      throw new InputError(
        `memory layers: there is no layer ${layer}; the model has layers 0 to ${architecture.layers - 1}`,
      );
    }
    if (sees(architecture, layer)) continue;
    const window = architecture.windows[layer];
    throw new InputError(
      `memory layers: layer ${layer} sees only ${window} tokens by design, so it can have no memory`,
    );
  }
  const chosen = new Set(layers);
  return allMemoryHeads(architecture).filter(([layer]) => chosen.has(layer));
}
