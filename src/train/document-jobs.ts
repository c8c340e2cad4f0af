/**
 * The documents of an evaluation as jobs of a cluster: a job reads one document with one model. Its result are the loss of every token and the
 * sums of gates and recalls, so that adding them in the order of the documents gives the bits of one machine.
 */

import { DamageError, isCount, jsonIn } from "../cluster/damage.ts";
import type { Exchange } from "../cluster/exchange.ts";
import { fileIn, getBytes, getTree, putBytes, putListing, putTree } from "../cluster/files.ts";
import { programName } from "../cluster/program.ts";
import type { Content } from "../cluster/records.ts";
import { type Finished, runSweep, type SweepJob, sweepJob } from "../cluster/sweep.ts";
import { nothingToPredict } from "../data/batches.ts";
import { type Document, type TokenizedDocument, textOf } from "../data/corpus.ts";
import { tokensOf } from "../data/documents.ts";
import { calibrationPath } from "../families/calibration.ts";
import { exists, isDirectory, listDirectory } from "../platform/files.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { type EvaluationResult, predictedOf, type TokenLoss } from "./evaluate.ts";
import { EvaluationSums } from "./evaluation-sums.ts";
import type { GateSums } from "./gate-means.ts";
import type { Tally } from "./recall.ts";

export const DOCUMENT = "document";

/** Files in a result: the losses of every memory size one after the other, float32, and the sums as JSON. */
export const LOSSES = "losses";
export const SUMS = "sums.json";
/** Files of inputs. */
export const TEXT = "text";
export const MEMORY = "known.memory.safetensors";
export const GGUF = "model.gguf";

const MOST_OF_SUMS = 2 ** 26;

/** The counts of a tally. */
const TALLY = ["queries", "neighbours", "found", "searched", "fallbacks"] as const satisfies readonly (keyof Tally)[];

/** The sums of one memory size, as a result has them. */
export interface SizeSums {
  readonly gates: readonly GateSums[];
  readonly recall: readonly (readonly [layer: number, tally: Tally])[] | null;
}

export interface ClusterEvaluation {
  /** Path of the model's directory, or of its .gguf file. */
  readonly model: string;
  /** Path of the file with the memory that documents begin with. */
  readonly known?: string;
  /** How the model reads: the options of the command line. */
  readonly reading: Content;
  readonly memorySizes: readonly number[];
  readonly maxTokens?: number;
  readonly recall: boolean;
  readonly documents: readonly Document[];
  readonly tokenized: readonly TokenizedDocument[];
  readonly tokenizer: Tokenizer;
  readonly signal?: AbortSignal;
  readonly onToken?: (loss: TokenLoss) => void;
  /** Called when a document's result came, with how many have, and of how many. */
  readonly onResult?: (done: number, total: number) => void;
}

/**
 * Lets workers evaluate the documents. Resolves to the result of `evaluate`, or to undefined if `signal` ended the waiting.
 * @throws InputError as `runSweep` does, or if no document has anything to predict
 */
export async function evaluateOnCluster(
  exchange: Exchange,
  evaluation: ClusterEvaluation,
): Promise<EvaluationResult | undefined> {
  const { tokenized, tokenizer, maxTokens, signal, onResult } = evaluation;
  const { tokens, bytes } = predictedOf(tokenized, tokenizer, maxTokens);
  if (tokens === 0) throw nothingToPredict(tokenized.length);
  const members = await sweepOf(exchange, evaluation);
  const jobs = new Map([...members.values()].map((member) => [member.name, member]));
  const documents = new Map([...members].map(([document, { name }]) => [name, document]));
  const parts = new Map<string, Part>();
  const receive = async (finished: Finished) => {
    parts.set(finished.name, await partOf(exchange, finished, documents.get(finished.name)!, evaluation));
  };
  let done = 0;
  for await (const _ of runSweep(exchange, [...jobs.values()], { title: "eval", signal, receive })) {
    onResult?.(++done, jobs.size);
  }
  if (done < jobs.size) return undefined;
  const all = evaluation.memorySizes.map((memory) => new EvaluationSums(memory, evaluation.recall));
  for (const [size, sums] of all.entries()) {
    for (const [document, { name }] of members) addPart(sums, size, document, parts.get(name)!, evaluation);
  }
  return { tokens, bytes, results: all.map((sums) => sums.result(tokens, bytes)) };
}

/** The jobs of the documents that have something to predict, in their order. Equal documents share a job. */
async function sweepOf(
  exchange: Exchange,
  evaluation: ClusterEvaluation,
): Promise<ReadonlyMap<TokenizedDocument, SweepJob>> {
  const { documents, tokenized, memorySizes, maxTokens = null, recall, reading, known } = evaluation;
  const model = await putModel(exchange, evaluation.model);
  const memory: Record<string, string> =
    known === undefined ? {} : { known: await putTree(exchange, new Map([[MEMORY, known]])) };
  const members = new Map<TokenizedDocument, SweepJob>();
  for (const [index, document] of tokenized.entries()) {
    if (targetsOf(document, evaluation).length === 0) continue;
    const text = await putBytes(exchange, new TextEncoder().encode(textOf(documents[index])));
    const inputs = { model, ...memory, document: await putListing(exchange, { [TEXT]: text }) };
    const settings = { memorySizes, maxTokens, recall, reading };
    const job = { kind: DOCUMENT, program: programName(), inputs, after: {}, settings };
    members.set(document, await sweepJob(exchange, document.name, job));
  }
  return members;
}

/** Puts what belongs to a model: a .gguf file and its calibration, or the files at the top of its directory without checkpoints and memories. */
function putModel(exchange: Exchange, path: string): Promise<string> {
  if (!isDirectory(path)) {
    const calibration = calibrationPath(path, false);
    const beside: [string, string][] = exists(calibration) ? [[calibrationPath(GGUF, false), calibration]] : [];
    return putTree(exchange, new Map([[GGUF, path], ...beside]));
  }
  const names = listDirectory(path).map(({ name }) => name);
  const files = names.filter((name) => /\.(json|safetensors|jinja|txt)$/.test(name) && !/\.memory\./.test(name));
  return putTree(exchange, new Map(files.map((name) => [name, `${path}/${name}`])));
}

/** A document's result. */
interface Part {
  readonly losses: Float32Array;
  readonly sums: readonly SizeSums[];
}

/** @throws DamageError if the result is not one of this document */
async function partOf(
  exchange: Exchange,
  { tree }: Finished,
  document: TokenizedDocument,
  evaluation: ClusterEvaluation,
): Promise<Part> {
  const count = targetsOf(document, evaluation).length * evaluation.memorySizes.length;
  const files = await getTree(exchange, tree);
  const bytes = await getBytes(exchange, fileIn(files, LOSSES), 4 * count);
  const sums = await getBytes(exchange, fileIn(files, SUMS), MOST_OF_SUMS);
  const isWhole = bytes.length === 4 * count;
  if (!isWhole) throw new DamageError(`the result of ${document.name} has not one loss for each token`);
  const losses = new Float32Array(bytes.buffer, 0, count);
  return { losses, sums: checkedSums(jsonIn(sums, `the sums of ${document.name}`), evaluation.memorySizes.length) };
}

/** What came from another machine, if it is what `computeDocument` writes. @throws DamageError */
function checkedSums(value: unknown, sizes: number): readonly SizeSums[] {
  const areCounts = (numbers: readonly unknown[]) => numbers.every((number) => Number.isSafeInteger(number));
  const areGates = ({ layer, sums, queries }: Partial<GateSums>) =>
    Array.isArray(sums) && areCounts([layer, queries, ...sums]);
  const isTally = (tally: unknown) => TALLY.every((key) => isCount(Object(tally)[key]));
  const areTallies = (entry: unknown) => Array.isArray(entry) && isCount(entry[0]) && isTally(entry[1]);
  const isWhole = (size: Partial<SizeSums>) =>
    Array.isArray(size.gates) &&
    size.gates.every((gates) => areGates(Object(gates))) &&
    (size.recall === null || (Array.isArray(size.recall) && size.recall.every(areTallies)));
  if (Array.isArray(value) && value.length === sizes && value.every((size) => isWhole(Object(size)))) return value;
  throw new DamageError("the result of a document is not one that this program wrote");
}

function addPart(
  total: EvaluationSums,
  size: number,
  document: TokenizedDocument,
  { losses, sums }: Part,
  evaluation: ClusterEvaluation,
): void {
  const targets = targetsOf(document, evaluation);
  for (const [place, token] of targets.entries()) {
    const nats = losses[size * targets.length + place];
    total.nats += nats;
    evaluation.onToken?.({ document: document.name, index: place + 1, token, memory: total.memory, nats });
  }
  total.gates.add(sums[size].gates);
  total.meter?.add(sums[size].recall ?? []);
}

function targetsOf(document: TokenizedDocument, { maxTokens = Infinity }: ClusterEvaluation): Int32Array {
  return tokensOf(document).subarray(1, maxTokens + 1);
}
