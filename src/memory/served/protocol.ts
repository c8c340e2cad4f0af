/**
 * The three questions to those who serve a memory, and their answers, as messages: which pairs score best; attend to these; and where do
 * these come from. Readers and shards write and read them with the functions here.
 */
import { isArrayOf } from "../../base/check.ts";
import { InputError } from "../../base/errors.ts";
import { MOST_BYTES } from "../../cluster/exchange.ts";
import { encodeMessage, Message } from "../../cluster/memory/message.ts";
import type { SourceTable } from "../source-table.ts";
import type { BestLists } from "./best-lists.ts";
import type { Part } from "./partial-attention.ts";
import { longestOf, peaksOf, type Retrieved } from "./retrieved-lists.ts";

/** Bytes of a message that are left for its header. */
const HEADER_ROOM = 65_536;

const NOTHING = new Float32Array();

/** The heads that all questions are about. */
export interface Heads {
  /** H */
  readonly heads: number;
  /** D */
  readonly width: number;
}

/** Which pairs of the segments [from, to) score best in a layer? */
export interface Scoring {
  readonly layer: number;
  readonly from: number;
  readonly to: number;
  readonly topk: number;
  /** Whether the values of those pairs are wanted too. */
  readonly values: boolean;
  /** q̂, [n, H·D]. */
  readonly queries: Float32Array;
}

/** What do these pairs of a layer add up to? */
export interface Attending {
  readonly layer: number;
  /** s of each head, [H]. */
  readonly scales: Float32Array;
  readonly retrieved: Retrieved;
}

/** Where do the pairs [from, to) of a segment, counted from its oldest, come from? */
export interface Tracing {
  readonly segment: number;
  readonly from: number;
  readonly to: number;
}

/** Who answered, and which segments, by number, the answer is about. */
export interface Answer {
  readonly server: string;
  readonly covers: readonly string[];
}

/** How many queries fit into each message of a lookup of `topk` pairs. @throws InputError if not even one does */
export function queriesInMessage({ heads, width }: Heads, topk: number): number {
  const most = Math.max(width * 4, topk * 12 + 4, width * 4 + 8) * heads;
  const queries = Math.floor((MOST_BYTES - HEADER_ROOM) / most);
  if (queries > 0) return queries;
  throw new InputError(
    `${topk} neighbours in each of ${heads} heads of width ${width} do not fit into a message of ${MOST_BYTES} bytes; retrieve fewer`,
  );
}

export function encodeScoring({ queries, ...header }: Scoring): Uint8Array {
  return encodeMessage({ kind: "score", numbers: queries.length, ...header }, queries);
}

export function encodeAttending({ layer, scales, retrieved }: Attending): Uint8Array {
  const { counts, pairs, scores } = retrieved;
  const header = { kind: "attend", layer, lists: counts.length, chosen: pairs.length };
  return encodeMessage(header, scales, counts, pairs, scores);
}

export function encodeTracing(tracing: Tracing): Uint8Array {
  return encodeMessage({ kind: "trace", ...tracing });
}

/** Returns the question in a message. @throws InputError for anything else */
export function readQuestion(
  bytes: Uint8Array,
  { heads, width }: Heads,
):
  | { readonly kind: "score"; readonly question: Scoring }
  | { readonly kind: "attend"; readonly question: Attending }
  | { readonly kind: "trace"; readonly question: Tracing } {
  const message = new Message(bytes);
  const whole = (key: string, most: number) => wholeIn(message, key, most);
  switch (message.header.kind) {
    case "score": {
      const [layer, from, to, topk] = [
        whole("layer", 2 ** 16),
        whole("from", 2 ** 48),
        whole("to", 2 ** 48),
        whole("topk", 2 ** 16),
      ];
      const values = message.header.values === true;
      const queries = message.floats(wholeIn(message, "numbers", MOST_BYTES));
      message.end();
      if (queries.length % (heads * width) !== 0)
        throw new InputError(`queries must have ${heads} heads of width ${width}`);
      return { kind: "score", question: { layer, from, to, topk, values, queries } };
    }
    case "attend": {
      const [layer, lists, chosen] = [whole("layer", 2 ** 16), whole("lists", MOST_BYTES), whole("chosen", MOST_BYTES)];
      const scales = message.floats(heads);
      const retrieved = {
        counts: message.integers(lists),
        pairs: message.doubles(chosen),
        scores: message.floats(chosen),
      };
      message.end();
      requireLists(retrieved, heads);
      return { kind: "attend", question: { layer, scales, retrieved } };
    }
    case "trace":
      return {
        kind: "trace",
        question: { segment: whole("segment", 2 ** 48), from: whole("from", 2 ** 31), to: whole("to", 2 ** 31) },
      };
    default:
      throw new InputError("a question to a memory is of a kind that is not known; use the same version everywhere");
  }
}

/** A reader's lists are no longer than its message would be if all were as long as the longest. */
function requireLists({ counts, pairs }: Retrieved, heads: number): void {
  const sum = counts.reduce((total, count) => (count < 0 ? Number.NaN : total + count), 0);
  const isSmall = counts.length * longestOf(counts) * 12 <= MOST_BYTES;
  if (sum === pairs.length && counts.length % heads === 0 && isSmall) return;
  throw new InputError("the lists of a question to a memory do not have the pairs that it says");
}

export function encodeScores(answer: Answer, { length, scores, pairs, values }: BestLists): Uint8Array {
  return encodeMessage({ ...answer, length, numbers: values?.length ?? 0 }, pairs, scores, values ?? NOTHING);
}

/** Who answered, and about what. @throws InputError with the sentence that came instead of an answer */
export function readAnswer(bytes: Uint8Array): Answer {
  return answerIn(new Message(bytes));
}

/** The lists of an answer, with the values of width D of their pairs if it has them. */
export function readScores(bytes: Uint8Array, lists: number, width: number): BestLists {
  const message = new Message(bytes);
  answerIn(message);
  const length = wholeIn(message, "length", 2 ** 16);
  const [pairs, scores] = [message.doubles(lists * length), message.floats(lists * length)];
  const hasValues = wholeIn(message, "numbers", MOST_BYTES) > 0;
  const values = hasValues ? message.floats(lists * length * width) : undefined;
  message.end();
  return { length, pairs, scores, values };
}

/** The peaks of the lists follow from the question. */
export function encodeAttended(server: string, { sums, out }: Part): Uint8Array {
  return encodeMessage({ server, covers: [server] }, sums, out);
}

/** The answer to the question about `retrieved`. */
export function readAttended(bytes: Uint8Array, retrieved: Retrieved, width: number): Part {
  const message = new Message(bytes);
  answerIn(message);
  const lists = retrieved.counts.length;
  const part = { peaks: peaksOf(retrieved), sums: message.doubles(lists), out: message.floats(lists * width) };
  message.end();
  return part;
}

export function encodeSources(answer: Answer, { documents, columns }: SourceTable): Uint8Array {
  const { document, index, token, begin, end } = columns;
  return encodeMessage({ ...answer, documents, pairs: document.length }, document, index, token, begin, end);
}

export function readSources(bytes: Uint8Array): SourceTable {
  const message = new Message(bytes);
  answerIn(message);
  const { documents } = message.header;
  if (!isArrayOf(documents, (name) => typeof name === "string")) throw strangeAnswer();
  const pairs = wholeIn(message, "pairs", MOST_BYTES);
  const column = () => message.integers(pairs);
  const columns = { document: column(), index: column(), token: column(), begin: column(), end: column() };
  message.end();
  return { documents: documents as string[], columns };
}

/** A sentence instead of an answer. */
export function encodeError(error: string): Uint8Array {
  return encodeMessage({ error });
}

/** @throws InputError with the sentence that came instead of an answer */
function answerIn({ header }: Message): Answer {
  const { server, covers, error } = header;
  if (typeof error === "string") throw new InputError(`a shard of the memory answered: ${error}`);
  const areNames = isArrayOf(covers, (name) => typeof name === "string");
  if (typeof server !== "string" || !areNames) throw strangeAnswer();
  return { server, covers: covers as string[] };
}

function strangeAnswer(): InputError {
  return new InputError("a shard of the memory gave an answer that cannot be read; use the same version everywhere");
}

function wholeIn({ header }: Message, key: string, most: number): number {
  const value = header[key];
  if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most) return value as number;
  throw new InputError(`a message to or from a memory must have a whole number as ${key}, at most ${most}`);
}
