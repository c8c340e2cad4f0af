/**
 * A corpus of an experiment: a directory with the sub-directories train, valid and test, each of documents, and the
 * vocabulary that all its cells share, learned from train alone.
 */

import { digest } from "../../base/digest.ts";
import { InputError } from "../../base/errors.ts";
import {
  type Document,
  documentsInDirectory,
  type TokenizedDocument,
  textOf,
  tokenizeDocuments,
  tokenizedText,
} from "../../data/corpus.ts";
import { jsonText, readJson } from "../../formats/json-file.ts";
import { writeFileAtomic } from "../../platform/atomic-write.ts";
import { exists, isDirectory } from "../../platform/files.ts";
import { trainBpe } from "../../text/bpe-trainer.ts";
import { type Tokenizer, tokenizerFromJson } from "../../text/tokenizer.ts";
import { NAME_DOCUMENTS, namesTexts } from "./invented-names.ts";

export interface ExperimentCorpus {
  /** The last part of the directory's path. */
  readonly name: string;
  readonly tokenizer: Tokenizer;
  readonly train: readonly TokenizedDocument[];
  readonly valid: readonly TokenizedDocument[];
  readonly test: readonly TokenizedDocument[];
  /** Documents of invented names, in the corpus' vocabulary. */
  readonly names: readonly TokenizedDocument[];
}

export function corpusName(directory: string): string {
  return directory.replace(/\/+$/, "").split("/").at(-1) ?? directory;
}

const SPLITS = ["train", "valid", "test"] as const;
type Split = (typeof SPLITS)[number];

/** Refuses a directory that has not the three splits, before anything is spent on it. */
export function requireSplits(directory: string): void {
  const missing = SPLITS.find((split) => !isDirectory(`${directory}/${split}`));
  if (missing === undefined) return;
  throw new InputError(`the corpus ${directory} has no directory ${missing}; it needs train, valid and test`);
}

/**
 * The corpus in `directory`, whose models are in `models`. Its tokenizer is read from there, or learned and written.
 * @throws InputError if a split is missing or holds no document, or if the models are those of another corpus
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
    names: namesDocuments(tokenizer),
  };
}

/**
 * Models and results know their corpus by its name alone. So that those of another of the same name are not taken for its
 * own, `corpus.json` beside the models tells the digests of its splits.
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

/** The same for every corpus, but for how they are encoded. */
function namesDocuments(tokenizer: Tokenizer): TokenizedDocument[] {
  let texts: string[] | undefined;
  return Array.from({ length: NAME_DOCUMENTS }, (_, i) => {
    return tokenizedText(`names-${i}`, () => (texts ??= [...namesTexts(NAME_DOCUMENTS, 0)])[i], tokenizer);
  });
}

function* bytesOf(documents: readonly Document[]): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  for (const text of textsOf(documents)) yield encoder.encode(text);
}

/** One text at a time, so that they are not all in memory. */
function* textsOf(documents: readonly Document[]): Generator<string> {
  for (const document of documents) yield textOf(document);
}
