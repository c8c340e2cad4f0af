/**
 * A model that others trained, in training: the offsets of its memories, the layers that have one, or everything. What learns is
 * kept as float32, whatever its files have; the rest stays as it is, and is written back bit by bit.
 */
import { InputError } from "../base/errors.ts";
import type { TrainableModel } from "../nn/language-model.ts";
import type { OpenedForTraining } from "../nn/opened-model.ts";
import { calibrationOf } from "./calibration.ts";
import { type Companions, companionsOf } from "./companions.ts";
import { Decoder } from "./decoder.ts";
import { bytesAs, exactType } from "./export-types.ts";
import type { ForeignModel } from "./foreign-model.ts";
import { notesOf, tokenizerOf } from "./foreign-tokenizer.ts";
import { fingerprintOf } from "./load-weights.ts";
import { type LearningPart, OFFSETS_FILE } from "./offsets-file.ts";
import { type ForeignOptions, settingsOf } from "./open-foreign.ts";
import { memoryLayersOf, type ReadingSettings } from "./reading-settings.ts";
import { learningWeights, offsetName, type Weights } from "./weights.ts";
import { directoryFiles } from "./write-model.ts";
import type { ExportedParameter, ExportType } from "./write-parameters.ts";

/** A decoder some of whose parameters learn. It can be written as a directory. */
export class TrainedDecoder extends Decoder implements TrainableModel {
  /** The parameters that learn. */
  readonly learned: LearningPart;
  /** How it reads, without a word left out. */
  override readonly settings: ReadingSettings;
  private readonly companions: Companions;
  /** What each parameter of its files is written as. */
  private readonly types: ReadonlyMap<string, ExportType>;

  /** Takes over the weights. `settings` must be complete. */
  constructor(source: ForeignModel, weights: Weights, settings: ReadingSettings, learned: LearningPart) {
    super(source.architecture, weights, settings);
    this.settings = settings;
    this.learned = learned;
    this.companions = companionsOf(source);
    const typeOf = learnedBy(learned, settings);
    this.types = new Map(
      [...source.parameters].map(([name, { type }]) => [name, typeOf(name) ? "F32" : exactType(type)]),
    );
  }

  /** Names of the files of its directory besides the configuration and the weights. */
  get companionFiles(): ReadonlySet<string> {
    return new Set([...this.companions.files.keys(), OFFSETS_FILE]);
  }

  /** The contents of the files of its directory, by name. `metadata` go into the file of weights. */
  files(metadata: Readonly<Record<string, string>> = {}): Map<string, Uint8Array | string> {
    const { architecture, companions, types, learned, settings } = this;
    const parameters = [...types].map(([name, type]): [string, ExportedParameter] => {
      return [name, { type, bytes: () => bytesAs(type, this.weight(name), name) }];
    });
    const offsets = new Map(memoryLayersOf(settings).map((layer) => [layer, this.weight(offsetName(layer))]));
    const trained = { offsets, learned, settings };
    return directoryFiles({ architecture, parameters: new Map(parameters), companions, trained }, metadata);
  }
}

/** Whether a parameter learns, by its canonical name. */
function learnedBy(part: LearningPart, settings: ReadingSettings): (name: string) => boolean {
  if (part === "all") return () => true;
  const layers = memoryLayersOf(settings);
  if (part === "memory-layers") return (name) => layers.some((layer) => name.startsWith(`layers.${layer}.`));
  const offsets = new Set(layers.map(offsetName));
  return (name) => offsets.has(name);
}

/**
 * Reads the weights of a model that is to be trained.
 * @throws InputError if there is no memory whose offsets or layers could learn, or a file is damaged
 */
function trainedDecoder(source: ForeignModel, settings: ReadingSettings, learned: LearningPart): TrainedDecoder {
  if (learned !== "all" && (settings.memorySize === 0 || settings.memoryHeads.length === 0)) {
    throw new InputError(
      `${source.name}: without a memory nothing could learn of "${learned}"; give it one, or train all`,
    );
  }
  const { architecture, parameters, trained } = source;
  const weights = learningWeights(architecture, parameters, learnedBy(learned, settings));
  for (const [layer, offsets] of trained?.offsets ?? []) weights.get(offsetName(layer)).set(offsets);
  try {
    return new TrainedDecoder(source, weights, settings, learned);
  } catch (error) {
    weights.release();
    throw error;
  }
}

/**
 * A model whose parts `learned` are to learn. Options that are left out are as when it was trained before, or as calibration found
 * them, or the defaults.
 * @throws InputError if it has no tokenizer, an option is impossible for it, or a file is damaged
 */
export function openForTraining(
  source: ForeignModel,
  learned: LearningPart,
  options: Omit<ForeignOptions, "weights" | "onProgress"> = {},
): OpenedForTraining {
  const isSaid = options.memoryLayers !== undefined || source.trained !== undefined;
  const calibration = isSaid ? undefined : calibrationOf(source.calibration(), fingerprintOf(source));
  return opened(source, settingsOf(source, options, calibration), learned);
}

/**
 * The model of a checkpoint, whose directory says what learns.
 * @throws InputError if it does not, or a file is damaged
 */
export function resumedDecoder(source: ForeignModel): OpenedForTraining {
  const { trained, name } = source;
  if (trained === undefined) throw new InputError(`${name} has no ${OFFSETS_FILE}, which says what is trained`);
  return opened(source, trained.settings, trained.learned);
}

function opened(source: ForeignModel, settings: ReadingSettings, learned: LearningPart): OpenedForTraining {
  const tokenizer = tokenizerOf(source);
  return { tokenizer, model: trainedDecoder(source, settings, learned), notes: notesOf(source, tokenizer) };
}
