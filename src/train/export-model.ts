/** Writes a model once more, in another format or place: ours, or one that others trained as a directory that `transformers` loads. */
import { aPath, aText, check, checkOptions, type Kinds, listOf, oneOf, optional } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { CALIBRATION_FILE, calibrationOf } from "../families/calibration.ts";
import { companionsOf } from "../families/companions.ts";
import { type ExportDtype, exportDtypes, exported } from "../families/export-types.ts";
import { knownMemories } from "../families/known-memories.ts";
import { loadForeign } from "../families/load-foreign.ts";
import { fingerprintOf } from "../families/load-weights.ts";
import { directoryFiles } from "../families/write-model.ts";
import { writeFilesAtomic } from "../platform/atomic-write.ts";
import { loadModel, saveModel } from "./checkpoint.ts";
import { requireNoneLeft } from "./left-files.ts";
import { modelDirectory } from "./model-directory.ts";
import { isForeign } from "./open-model.ts";

/** How a model is exported. */
export interface ExportOptions {
  /**
   * How weights are stored. `stored`, the default, keeps what the files of others have; what they have in blocks, and our own
   * weights, become float32, which loses nothing.
   */
  readonly dtype?: ExportDtype;
  /** `key=value`: replaces keys of the configuration of a model of this program. */
  readonly overrides?: readonly string[];
}

/** What was written. */
export interface ExportResult {
  /** The number of weights. */
  readonly weights: number;
  /** How they are stored. */
  readonly dtype: string;
  /** Whether a calibration stays behind, because it is for weights that are stored in another way. */
  readonly dropsCalibration: boolean;
}

const exportKinds: Kinds<ExportOptions> = {
  dtype: optional(oneOf(...exportDtypes)),
  overrides: optional(listOf(aText)),
};

/**
 * Reads the model at `named`, and returns a function that writes it into `directory`, which is made if it is missing, and returns
 * what was written.
 * @throws InputError if the model cannot be read, an option means nothing for it, or a weight is too large for `dtype`; when it is written, if a
 * file of another model would stay in `directory` and be taken for this one's
 */
export function modelExport(named: string, options: ExportOptions = {}): (directory: string) => ExportResult {
  check("model", named, aPath);
  checkOptions("options", options, exportKinds);
  const { dtype = "stored", overrides = [] } = options;
  const path = modelDirectory(named);
  if (!isForeign(path)) return ownExport(named, dtype, overrides);
  if (overrides.length === 0) return foreignExport(path, dtype);
  throw new InputError(`${named} has no keys of this program's configuration, so ${overrides[0]} means nothing`);
}

/** Files of a model of this program. */
const OWN_FILES: ReadonlySet<string> = new Set(["config.json", "model.safetensors", "tokenizer.json"]);

function ownExport(named: string, dtype: ExportDtype, overrides: readonly string[]) {
  if (dtype === "bfloat16") {
    throw new InputError(`${named} is a model of this program, which is stored as float32 or float16, not as bfloat16`);
  }
  const { model, tokenizer } = loadModel(named, overrides);
  const stored = dtype === "stored" ? "float32" : dtype;
  return (directory: string) => {
    requireNoneLeft(directory, OWN_FILES);
    saveModel(directory, model, tokenizer, { dtype: stored });
    return { weights: model.parameters.count, dtype: stored, dropsCalibration: false };
  };
}

function foreignExport(path: string, dtype: ExportDtype) {
  const model = loadForeign(path);
  const { architecture, trained } = model;
  const companions = companionsOf(model);
  const calibration = dtype === "stored" ? model.files?.open(CALIBRATION_FILE) : undefined; // other weights have another fingerprint
  if (calibration !== undefined && trained === undefined) calibrationOf(model.calibration(), fingerprintOf(model));
  const parameters = new Map([...model.parameters].map(([name, parameter]) => [name, exported(parameter, dtype)]));
  const count = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);
  const weights = [...model.parameters.values()].reduce((sum, { shape }) => sum + count(shape), 0);
  const isCalibrated = model.calibration() !== undefined || knownMemories.some((known) => known.weights === weights);
  const dropsCalibration = isCalibrated && trained === undefined && calibration === undefined;
  return (directory: string) => {
    const files = directoryFiles({ architecture, parameters, companions, trained });
    if (calibration !== undefined) files.set(CALIBRATION_FILE, calibration.read(0, calibration.size));
    requireNoneLeft(directory, files);
    writeFilesAtomic(new Map([...files].map(([name, content]) => [`${directory}/${name}`, content])));
    return { weights, dtype, dropsCalibration };
  };
}
