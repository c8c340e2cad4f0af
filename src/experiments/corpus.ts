/**
 * A corpus of an experiment: a directory with the sub-directories train, valid and test, each of documents, and the
 * vocabulary that all its cells share, learned from train alone.
 */
import {
  type Document,
  documentsInDirectory,
  type TokenizedDocument,
  textOf,
  tokenizeDocuments,
  tokenizedText,
} from "../data/corpus.ts";
import { InputError } from "../errors.ts";
import { jsonText, readJson } from "../json-file.ts";
import { exists, isDirectory, writeFileAtomic } from "../platform.ts";
import { trainBpe } from "../text/bpe-trainer.ts";
import { type Tokenizer, tokenizerFromJson } from "../text/tokenizer.ts";
import { NAME_DOCUMENTS, namesTexts } from "./names.ts";

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

/** Refuses a directory that has not the three splits, before anything is spent on it. */
export function requireSplits(directory: string): void {
  const missing = ["train", "valid", "test"].find((split) => !isDirectory(`${directory}/${split}`));
  if (missing === undefined) return;
  throw new InputError(`the corpus ${directory} has no directory ${missing}; it needs train, valid and test`);
}

/**
 * The corpus in `directory`. Its tokenizer is read from `tokenizerPath`, or learned and written there.
 * @throws InputError if a split is missing or holds no document
 */
export function openCorpus(directory: string, tokenizerPath: string, vocabSize: number): ExperimentCorpus {
  requireSplits(directory);
  const train = documentsInDirectory(`${directory}/train`);
  if (!exists(tokenizerPath)) writeFileAtomic(tokenizerPath, jsonText(trainBpe(textsOf(train), { vocabSize })));
  const tokenizer = tokenizerFromJson(readJson(tokenizerPath), tokenizerPath);
  return {
    name: corpusName(directory),
    tokenizer,
    train: tokenizeDocuments(train, tokenizer),
    valid: tokenizeDocuments(documentsInDirectory(`${directory}/valid`), tokenizer),
    test: tokenizeDocuments(documentsInDirectory(`${directory}/test`), tokenizer),
    names: namesDocuments(tokenizer),
  };
}

/** The same for every corpus, but for how they are encoded. */
function namesDocuments(tokenizer: Tokenizer): TokenizedDocument[] {
  let texts: string[] | undefined;
  return Array.from({ length: NAME_DOCUMENTS }, (_, i) => {
    return tokenizedText(`names-${i}`, () => (texts ??= [...namesTexts(NAME_DOCUMENTS, 0)])[i], tokenizer);
  });
}

/** One text at a time, so that they are not all in memory. */
function* textsOf(documents: readonly Document[]): Generator<string> {
  for (const document of documents) yield textOf(document);
}
