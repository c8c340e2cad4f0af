/**
 * What a memory brings at the end of a document: its beginning is read once, with all of it in the memory, and then its last tokens
 * several times from there, each time with only the newest pairs. Windows without memory read only what they see.
 */
import type { Decoder } from "../src/families/decoder.ts";
import type { DecoderState, DecoderStateOptions } from "../src/families/decoder-state.ts";
import { type ReadingSettings, readingSettings } from "../src/families/reading-settings.ts";
import { TensorReader } from "../src/formats/tensor-reader.ts";
import { targetLosses } from "../src/model/losses.ts";
import { pass } from "./foreign-model.ts";

/** What is measured of a document. */
export interface JudgedEnd {
  /** How many of its tokens, the last, are judged: whole segments. */
  readonly judged: number;
  /** Windows without memory. */
  readonly windows: readonly number[];
  /** Numbers of newest pairs that are looked up. The largest is the size of the memory. */
  readonly sizes: readonly number[];
  /** Numbers of neighbours that the largest of these memories is looked up with besides. */
  readonly neighbours: readonly number[];
  /** How it reads, where the model's own settings are not wanted. */
  readonly settings?: Partial<ReadingSettings>;
}

/** What was found in one setting. The state has read all but the document's last token, and is gone when the next is asked for. */
export interface Judgement {
  readonly setting: string;
  /** Mean of −ln p over the judged tokens. */
  readonly nats: number;
  /** Whether the state would look up all that it remembers, if it read on. */
  readonly complete: boolean;
  readonly state: DecoderState;
}

/** Tokens before the judged ones that a window alone reads at least: more than it sees, since its pairs saw others. */
const WINDOW_READS = 4096;

/** Judges the last tokens of a document in every setting: memories first, the largest of them last. */
export function* judgedEnds(model: Decoder, ids: Int32Array, end: JudgedEnd): Generator<Judgement> {
  const from = ids.length - 1 - end.judged;
  if (end.sizes.length > 0) yield* memoryEnds(model, ids, from, end);
  for (const window of end.windows) {
    const { sinkDistance } = readingSettings(model.architecture, { window });
    const options = { rows: 1, ...end.settings, window, sinkDistance, memorySize: 0 };
    using state = model.newState(options);
    readInto(model, state, ids, [Math.max(0, from - Math.max(window, WINDOW_READS)), from]);
    yield { setting: `window ${window}`, nats: meanLoss(model, state, ids, from), complete: true, state };
  }
}

function* memoryEnds(
  model: Decoder,
  ids: Int32Array,
  from: number,
  { sizes, neighbours, settings }: JudgedEnd,
): Generator<Judgement> {
  const options = { rows: 1, ...settings, memorySize: Math.max(...sizes) };
  const saved = stateAt(model, ids, from, options);
  for (const topk of neighbours) {
    using state = restored(model, saved, { ...options, neighbours: topk });
    yield { setting: `K ${topk}`, nats: meanLoss(model, state, ids, from), complete: true, state };
  }
  for (const newest of sizes.toSorted((a, b) => a - b)) {
    using state = restored(model, saved, options);
    yield {
      setting: `memory ${newest}`,
      nats: meanLoss(model, state, ids, from, newest),
      complete: newest === options.memorySize,
      state,
    };
  }
}

/** A state that another one saved. */
export function restored(
  model: Decoder,
  saved: ReturnType<DecoderState["save"]>,
  options: DecoderStateOptions,
): DecoderState {
  const state = model.newState(options);
  state.load(new TensorReader(saved, "the state before the judged tokens"));
  return state;
}

/** A copy of the state that has read the first `count` tokens. */
function stateAt(model: Decoder, ids: Int32Array, count: number, options: DecoderStateOptions) {
  using state = model.newState(options);
  readInto(model, state, ids, [0, count]);
  return state.save();
}

/** Reads ids[from … to − 1], for what the state then holds. */
function readInto(model: Decoder, state: DecoderState, ids: Int32Array, [from, to]: readonly [number, number]): void {
  for (let at = from; at < to; ) {
    const end = Math.min(to, at + state.room);
    const place = { ids: ids.subarray(at), from: 0, to: end - at };
    pass(
      place,
      ({ ids: part }) => model.hidden({ ids: part, starts: [at === from ? 1 : 0] }, state),
      () => {},
    );
    at = end;
  }
}

/** Mean of −ln p over the tokens after the `from`-th. `newest`: how many pairs are looked up; default: all. */
function meanLoss(model: Decoder, state: DecoderState, ids: Int32Array, from: number, newest?: number): number {
  let sum = 0;
  const last = ids.length - 1;
  for (let at = from; at < last; ) {
    const end = Math.min(last, at + state.room);
    const input = { ids: ids.slice(at, end), reach: newest === undefined ? undefined : [newest] };
    sum += targetLosses(model, input, ids.slice(at + 1, end + 1), state).reduce((total, nats) => total + nats, 0);
    at = end;
  }
  return sum / (last - from);
}
