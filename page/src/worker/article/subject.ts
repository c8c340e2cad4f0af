/**
 * What the article's figures compute with: the model that comes along, and a text that it has read, this program's own `src/memory`.
 * They are opened at the first figure, apart from the model and the text of the tool above. One figure is computed at a time.
 */
import {
  InspectedReading,
  type InspectedReadingOptions,
  type MemorySnapshot,
  Reader,
  type Tokenizer,
  Transformer,
} from "memorizing-transformer";
import { InspectedText } from "memorizing-transformer/report";
import type { Passage } from "../../engine/calls.ts";
import { openNamed } from "../models.ts";
import { turn } from "../turn.ts";

/** Tokens that the model has read before a figure begins, and those behind them that figures predict. */
const READ = 3072;
export const AHEAD = 512;
const SURROUNDINGS = 60;

export interface Subject {
  readonly model: Transformer;
  readonly tokenizer: Tokenizer;
  /** What was read, and what follows. */
  readonly past: Int32Array;
  readonly ahead: Int32Array;
  /** The memory after the past. */
  readonly remembered: MemorySnapshot;
  /** A token and its surroundings; below 0 those of the past, counted from its end. */
  passage(token: number): Passage;
}

let subject: Promise<Subject> | undefined;
let last: Promise<unknown> = Promise.resolve();

/** Runs `compute` when all figures before it are done. */
export function withSubject<R>(compute: (subject: Subject) => R | Promise<R>): Promise<R> {
  const next = last.then(async () => {
    subject ??= open();
    subject.catch(() => {
      subject = undefined; // the network may be back at the next figure
    });
    return compute(await subject);
  });
  last = next.catch(() => {});
  return next;
}

/** The base of the page, which is one folder above the worker's file. */
const BASE = new URL("..", self.location.href).href;

async function open(): Promise<Subject> {
  const { signal } = new AbortController();
  const response = await fetch(new URL("samples/code.txt", BASE));
  if (!response.ok) throw new Error(`the article's text cannot be fetched: ${response.status}`);
  const read = await response.text();
  const { model, tokenizer } = await openNamed("reader-1m", BASE, { tell: () => {}, signal });
  if (!(model instanceof Transformer)) throw new Error("the article needs reader-1m");
  const ids = tokenizer.encode(read);
  const [past, ahead] = [ids.subarray(0, READ), ids.subarray(READ, READ + AHEAD + 1)];
  const reader = new Reader(model, tokenizer, { memorySize: READ });
  try {
    await reader.read(tokenizer.decode(past), { name: "src/memory", onProgress: () => {}, signal });
    const remembered = reader.snapshot();
    const text = new InspectedText({ name: "", ids: ahead, earlier: remembered.sources! }, tokenizer);
    const passage = (token: number) => ({ ...text.excerpt(token, SURROUNDINGS), place: text.place(token) });
    return { model, tokenizer, past, ahead, remembered, passage };
  } finally {
    reader.release();
  }
}

const waiting = new AbortController();

/** Lets the page be heard between two pieces of work. */
export function breathe(): Promise<void> {
  return turn(waiting.signal);
}

/** Reads tokens to their end, and returns −ln p of each but the first. */
export async function lossesOf(
  { model, tokenizer }: Pick<Subject, "model" | "tokenizer">,
  ids: Int32Array,
  options: InspectedReadingOptions,
): Promise<Float32Array> {
  const reading = new InspectedReading(model, tokenizer, ids, options);
  try {
    while (!reading.complete) {
      reading.advance();
      await breathe();
    }
    return reading.nats.subarray(1);
  } finally {
    reading.release();
  }
}

/** The mean of numbers. */
export function meanOf(numbers: ArrayLike<number>): number {
  return Array.from(numbers).reduce((sum, number) => sum + number, 0) / numbers.length;
}
