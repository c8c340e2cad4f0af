/** Computes a document of an evaluation that a cluster asks for, on a worker. The model stays open for the next document. */
import process from "node:process";
import { breathe } from "../base/breathe.ts";
import { InputError } from "../base/errors.ts";
import { nameOf } from "../cluster/blocks.ts";
import { isCount } from "../cluster/damage.ts";
import type { Job } from "../cluster/jobs.ts";
import type { Computed } from "../cluster/worker.ts";
import { tokenizedText } from "../data/corpus.ts";
import { writeFileAtomic } from "../platform/atomic-write.ts";
import { exists } from "../platform/files.ts";
import { readText } from "../platform/read-file.ts";
import { ProgressLine } from "../report/progress.ts";
import { GGUF, LOSSES, MEMORY, type SizeSums, SUMS, TEXT } from "../train/document-jobs.ts";
import { sumsInSteps } from "../train/evaluate.ts";
import type { Values } from "./arguments/options.ts";
import { openForReading, type ReadingModel, readingOptions } from "./models.ts";

/** What a message may ask for: the largest memory that the command line takes, and as many sizes as nobody compares. */
const LARGEST_MEMORY = 2 ** 24;
const MOST_SIZES = 64;

let open: { readonly key: string; readonly model: ReadingModel } | undefined;

/** @throws InputError if the settings are not what this program writes, or the document cannot be evaluated */
export async function computeDocument(
  { settings, inputs: names }: Job,
  inputs: Readonly<Record<string, string>>,
  scratch: string,
): Promise<Computed> {
  const { memorySizes, maxTokens, recall, reading } = readSettings(settings);
  const { model, tokenizer, known } = modelFor(inputs, JSON.stringify([names.model, names.known, reading]), reading);
  const text = () => readText(`${inputs.document}/${TEXT}`);
  const document = tokenizedText("the document", text, tokenizer, { framed: model.framesTexts });
  const losses: number[] = [];
  const sums: SizeSums[] = [];
  const options = { memorySizes, maxTokens, recall, known, onToken: ({ nats }: { nats: number }) => losses.push(nats) };
  for (const reached of sumsInSteps(model, [document], options, document.tokens().length)) {
    if (reached === undefined) await breathe();
    else sums.push({ gates: reached.gates.sums(), recall: reached.meter?.sums() ?? null });
  }
  const directory = `${scratch}/out`;
  const bytes = new Uint8Array(Float32Array.from(losses).buffer);
  const json = JSON.stringify(sums);
  writeFileAtomic(`${directory}/${LOSSES}`, bytes);
  writeFileAtomic(`${directory}/${SUMS}`, json);
  return { proof: nameOf(new TextEncoder().encode(`${nameOf(bytes)} ${json}`)), directory };
}

/** The model of the last document, or another one in its place. */
function modelFor(
  inputs: Readonly<Record<string, string>>,
  key: string,
  reading: Values<typeof readingOptions>,
): ReadingModel {
  if (open?.key === key) return open.model;
  open?.model.model.release();
  open = undefined;
  const gguf = `${inputs.model}/${GGUF}`;
  const known = inputs.known === undefined ? undefined : `${inputs.known}/${MEMORY}`;
  const model = openForReading(exists(gguf) ? gguf : inputs.model, reading, new ProgressLine(process.stderr), known);
  open = { key, model };
  return model;
}

interface DocumentSettings {
  readonly memorySizes: readonly number[];
  readonly maxTokens: number | undefined;
  readonly recall: boolean;
  readonly reading: Values<typeof readingOptions>;
}

/** What the command line accepts, a message may say; other values are refused where they are used. */
function readSettings({ memorySizes, maxTokens, recall, reading }: Job["settings"]): DocumentSettings {
  const isSize = (size: unknown) => isCount(size) && size <= LARGEST_MEMORY;
  const areSizes = Array.isArray(memorySizes) && memorySizes.length <= MOST_SIZES && memorySizes.every(isSize);
  const areTokens = maxTokens === null || isCount(maxTokens);
  const known = Object.keys(Object(reading)).every((key) => Object.hasOwn(readingOptions, key));
  if (!areSizes || !areTokens || typeof recall !== "boolean" || !known) {
    throw new InputError("the settings of the document are not what this program writes");
  }
  return {
    memorySizes,
    maxTokens: maxTokens === null ? undefined : Number(maxTokens),
    recall,
    reading: Object(reading) as Values<typeof readingOptions>,
  };
}
