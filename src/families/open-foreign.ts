/** A model that somebody else trained, ready to read: its decoder, its tokenizer, and how it reads what is longer than its window. */
import { aFunction, check, oneOf, optional, someOptions, withDefaults } from "../base/check.ts";
import { allOrNothing } from "../base/lifetime.ts";
import type { OpenedModel } from "../nn/opened-model.ts";
import { type Calibration, calibrationOf } from "./calibration.ts";
import { Decoder } from "./decoder.ts";
import type { ForeignModel } from "./foreign-model.ts";
import { chatTemplateOf, notesOf, tokenizerOf } from "./foreign-tokenizer.ts";
import { type LoadProgress, loadWeights } from "./load-weights.ts";
import { headsAt, type MemoryPlaces, somePlaces } from "./memory-places.ts";
import { type ReadingSettings, readingSettings } from "./reading-settings.ts";
import { type WeightKind, weightKinds } from "./weight-kinds.ts";

/** M where nothing else is said. */
const USUAL_MEMORY = 8192;

/** How a model that others trained reads, and how its weights are kept. */
export interface ForeignOptions extends Partial<Omit<ReadingSettings, "memoryHeads">> {
  /**
   * Where it remembers: layers, in all of their kv heads, and pairs of a layer and a kv head. Default: those that were trained, else
   * what calibration found for the model, else all.
   */
  readonly memoryLayers?: MemoryPlaces;
  /** Where a memory remembers that is to be restored. Counts in place of the default of `memoryLayers`; a calibration still says K and R. */
  readonly restoredLayers?: MemoryPlaces;
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
  const { model, tokenizer, notes } = openDecoder(foreign, options);
  return { model, tokenizer, notes, chatTemplate: () => chatTemplateOf(foreign) };
}

/** `openForeign` for those who need to know that the model is a decoder. */
export function openDecoder(foreign: ForeignModel, options: ForeignOptions = {}) {
  check("options", options, someOptions);
  const { weights: kind = weightKinds[0], onProgress } = options;
  check("weights", kind, oneOf(...weightKinds));
  check("onProgress", onProgress, optional(aFunction));
  const { architecture } = foreign;
  const tokenizer = tokenizerOf(foreign);
  const unsaid = options.memoryLayers === undefined && foreign.trained === undefined;
  const found = unsaid ? foreign.calibration() : undefined;
  settingsOf(foreign, options, found); // refuses what is impossible before weights are read
  const { weights, digest } = loadWeights(foreign, kind, onProgress);
  return allOrNothing((own) => {
    own(weights);
    const calibration = options.memoryLayers === undefined ? calibrationOf(found, digest) : undefined;
    const settings = settingsOf(foreign, options, calibration);
    const model = new Decoder(architecture, weights, settings, digest);
    return { model, tokenizer, notes: notesOf(foreign, tokenizer) };
  });
}

/**
 * Complete settings of a model's states: those of the options, then how it read when its memory was trained, then those of a
 * calibration, then the usual ones. A calibration counts only where the options do not say where to remember.
 * @throws InputError for one that is impossible
 */
export function settingsOf(
  { architecture, trained }: Pick<ForeignModel, "architecture" | "trained">,
  { memoryLayers, restoredLayers, weights: _, onProgress: __, ...given }: ForeignOptions = {},
  calibration: Calibration | undefined = undefined,
): ReadingSettings {
  check("memoryLayers", memoryLayers, optional(somePlaces));
  check("restoredLayers", restoredLayers, optional(somePlaces));
  const found = memoryLayers === undefined ? calibration : undefined;
  const { memoryHeads: trainedHeads, ...learned } = trainedSettings(trained, given.window);
  const chosen = memoryLayers ?? restoredLayers ?? trainedHeads;
  const { neighbours, reach, window, memoryDtype } = found ?? {};
  const memoryHeads =
    chosen === undefined && found !== undefined
      ? headsAt(architecture, found.places, `${found.name}: memory_layers`)
      : headsAt(architecture, chosen ?? "all");
  const inOrder: Partial<ReadingSettings>[] = [
    { neighbours, reach, window, memoryDtype },
    learned,
    { ...given, memoryHeads },
  ];
  return readingSettings(architecture, inOrder.reduce(withDefaults, { memorySize: USUAL_MEMORY }));
}

/** How the model read when its memory was trained. The distance of sinks belongs to a window. */
function trainedSettings(trained: ForeignModel["trained"], window: number | undefined): Partial<ReadingSettings> {
  if (trained === undefined) return {};
  const { sinkDistance, ...others } = trained.settings;
  return window === undefined ? { ...others, sinkDistance } : others;
}
