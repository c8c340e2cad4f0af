/** The kinds of files that commands write, and how to tell whether a file is of that kind: only then it may be replaced. */
import { dirname } from "node:path";
import { InputError } from "../../base/errors.ts";
import { isCalibration } from "../../families/calibration.ts";
import { families } from "../../families/families.ts";
import { beginsAsMemory } from "../../memory/memory-file.ts";
import { beginningOf, readFile } from "../../platform/read-file.ts";
import { beginsAsPage } from "../../report/html/page.ts";
import { beginsAsLosses } from "../../report/losses.ts";
import { beginsAsMetrics } from "../../train/metrics.ts";

export interface FileKind {
  /** As in "is not a memory". */
  readonly name: string;
  /** Whether the regular file at `path`, which may be damaged, is one that this program wrote. */
  isAt(path: string): boolean;
}

const BEGINNING = 2 ** 16;
/** Larger files are taken for those of others. */
const MOST_JSON = 2 ** 28;

export const memoryFile: FileKind = { name: "a memory", isAt: (path) => beginsAsMemory(bytesAt(path)) };
export const reportPage: FileKind = { name: "a report", isAt: (path) => beginsAsPage(textAt(path)) };
export const lossesFile: FileKind = { name: "a file of losses", isAt: (path) => beginsAsLosses(textAt(path)) };
export const metricsFile: FileKind = { name: "a file of metrics", isAt: (path) => beginsAsMetrics(textAt(path)) };

export const calibrationFile: FileKind = {
  name: "a calibration",
  isAt: (path) => isCalibration(jsonAt(path)),
};

export const tokenizerFile: FileKind = {
  name: "a tokenizer.json",
  isAt: (path) => typeof Object(Object(jsonAt(path)).model).vocab === "object",
};

export const configFile: FileKind = {
  name: "the config.json of a model",
  isAt(path) {
    const config: Record<string, unknown> = Object(jsonAt(path));
    const hasSizes = ["hidden_size", "num_hidden_layers"].every((key) => Number.isInteger(config[key]));
    return hasSizes || (typeof config.model_type === "string" && Object.hasOwn(families, config.model_type));
  },
};

/** Whatever of the usual names lies next to the configuration of a model. */
export const companionFile: FileKind = {
  name: "a file of a model",
  isAt: (path) => configFile.isAt(`${dirname(path)}/config.json`),
};

/** A safetensors file of any tool that does not hold a memory. */
export const weightsFile: FileKind = {
  name: "the weights of a model",
  isAt: (path) => {
    const bytes = bytesAt(path);
    return new TextDecoder().decode(bytes.subarray(8, 10)) === '{"' && !beginsAsMemory(bytes);
  },
};

export const cellFile: FileKind = {
  name: "the result of a cell",
  isAt: (path) => ["cell", "corpus", "recipe"].every((key) => Object.hasOwn(Object(jsonAt(path)), key)),
};

export const resultsFile: FileKind = {
  name: "the results of an experiment",
  isAt: (path) => ["experiment", "facts", "cells"].every((key) => Object.hasOwn(Object(jsonAt(path)), key)),
};

export const tableFile: FileKind = {
  name: "the tables of an experiment",
  isAt: (path) => /^# .*\n(.*\n)*?- command: memorizing experiment /.test(textAt(path)),
};

export const chartFile: FileKind = {
  name: "a chart of an experiment",
  isAt: (path) => textAt(path).startsWith('<svg xmlns="http://www.w3.org/2000/svg" class="chart" '),
};

function bytesAt(path: string): Uint8Array {
  return beginningOf(path, BEGINNING) ?? new Uint8Array();
}

function textAt(path: string): string {
  return new TextDecoder().decode(bytesAt(path));
}

/** Undefined for what is not JSON. */
function jsonAt(path: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(readFile(path, MOST_JSON)));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof InputError) return undefined;
    throw error;
  }
}
