/**
 * The corpus of an experiment: a directory with sub-directories train, valid and test, each with documents. All cells share
 * one vocabulary, learned from train alone.
 */

import { digest } from "../../base/digest.ts";
import { InputError } from "../../base/errors.ts";
import {
  type Document,
  documentsInDirectory,
  type TokenizedDocument,
  textOf,
  tokenizeDocuments,
} from "../../data/corpus.ts";
import { jsonText, readJson } from "../../formats/json-file.ts";
import { writeFileAtomic } from "../../platform/atomic-write.ts";
import { exists, isDirectory } from "../../platform/files.ts";
import { trainBpe } from "../../text/bpe-trainer.ts";
import { type Tokenizer, tokenizerFromJson } from "../../text/tokenizer.ts";

export interface ExperimentCorpus {
  /** The last part of the directory's path. */
  readonly name: string;
  readonly tokenizer: Tokenizer;
  readonly train: readonly TokenizedDocument[];
  readonly valid: readonly TokenizedDocument[];
  readonly test: readonly TokenizedDocument[];
}

/**
 * The name of the corpus in `directory`: the last part of its path.
 * @throws InputError if that is no name
 */
export function corpusName(directory: string): string {
  const name = directory.replace(/\/+$/, "").split("/").at(-1) ?? "";
  if (!["", ".", ".."].includes(name)) return name;
  throw new InputError(`the corpus "${directory}" has no name; give a path that ends in one, such as corpora/math`);
}

export const SPLITS = ["train", "valid", "test"] as const;
type Split = (typeof SPLITS)[number];

/** Refuses a directory without the three splits, before any work is done. */
export function requireSplits(directory: string): void {
  const missing = SPLITS.find((split) => !isDirectory(`${directory}/${split}`));
  if (missing === undefined) return;
  throw new InputError(`the corpus ${directory} has no directory ${missing}; it needs train, valid and test`);
}

/**
 * Opens the corpus in `directory`. Its tokenizer is read from `models`, or learned and written there.
 * @throws InputError if a split is missing or has no document, or if `models` belong to another corpus
 */
export function openCorpus(directory: string, models: string, vocabSize: number): ExperimentCorpus {
  requireSplits(directory);
  const [train, valid, test] = SPLITS.map((split) => documentsInDirectory(`${directory}/${split}`));
  requireSameCorpus(directory, models, { train, valid, test });
  const path = `${models}/tokenizer.json`;
  if (!exists(path)) writeFileAtomic(path, jsonText(trainBpe(textsOf(train), { vocabSize })));
  const tokenizer = tokenizerFromJson(readJson(path), path);
  return {
    name: corpusName(directory),
    tokenizer,
    train: tokenizeDocuments(train, tokenizer),
    valid: tokenizeDocuments(valid, tokenizer),
    test: tokenizeDocuments(test, tokenizer),
  };
}

/**
 * Models and results know their corpus by name only. To tell apart corpora of the same name, `corpus.json` next to the
 * models has the digests of the splits.
 */
function requireSameCorpus(directory: string, models: string, documents: Record<Split, readonly Document[]>): void {
  const path = `${models}/corpus.json`;
  const digests = SPLITS.map((split) => [split, digest(bytesOf(documents[split]))]);
  const content = jsonText(Object.fromEntries(digests));
  if (!exists(path)) writeFileAtomic(path, content);
  if (jsonText(readJson(path)) === content) return;
  const advice = "give another --out, or move the models and results away";
  throw new InputError(
    `${models} holds models of another corpus than ${directory}, or of another state of it; ${advice}`,
  );
}

function* bytesOf(documents: readonly Document[]): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  for (const text of textsOf(documents)) yield encoder.encode(text);
}

/** Generates one text at a time, so that never all of them are held. */
function* textsOf(documents: readonly Document[]): Generator<string> {
  for (const document of documents) yield textOf(document);
}
