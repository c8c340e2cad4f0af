/**
 * The order in which a model reads (paper, section 4.1): B documents side by side, one a row, T tokens of each at a time.
 *
 * A row stays on its document until the document ends and then takes the next one; segments are never shuffled, so a
 * memory can follow a row. Every token after a document's first is predicted exactly once a pass: the segment at offset o
 * reads tokens o … o+T−1 and predicts o+1 … o+T, the next segment starts at o+T, and the last is padded, not dropped. A
 * document of one token or none predicts nothing and takes no row. Nothing here knows of models or memories.
 */
import {
  aSeed,
  check,
  checkOptions,
  either,
  type Kind,
  type Kinds,
  listOf,
  oneOf,
  optional,
  whole,
} from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { aRandomState, Random, type RandomState } from "../base/random.ts";
import type { TokenizedDocument } from "./corpus.ts";
import { someDocuments, tokensOf } from "./documents.ts";

/** One segment of every row. */
export interface Batch {
  /** [B, T+1] inputs are columns 0 … T−1, targets columns 1 … T; 0 beyond a row's length. */
  tokens: Int32Array;
  /** [B] 1 if the row's document begins in this segment, or the row is empty. */
  starts: Uint8Array;
  /** [B] how many tokens the row predicts, 0 … T; 0 only if it is empty, which happens only in evaluation. */
  lengths: Int32Array;
  /** [B] index of the row's document, −1 if the row is empty. */
  documents: Int32Array;
  /** [B] index of the row's first token in its document. */
  offsets: Int32Array;
}

/** How large a batch is. */
export interface BatchShape {
  /** B */
  rows: number;
  /** T */
  segmentLength: number;
}

/** Options of `evaluationBatches`. */
export interface EvaluationOptions extends BatchShape {
  /** Tokens predicted in each document, from its beginning; all if absent. */
  maxTokens?: number;
}

const shapeKinds: Kinds<BatchShape> = { rows: whole(1, 2 ** 20), segmentLength: whole(1, 2 ** 16) };
const evaluationKinds: Kinds<EvaluationOptions> = {
  ...shapeKinds,
  maxTokens: optional(either(whole(0), oneOf(Infinity))),
};

/** Where a row is: its next segment begins with token `offset` of the document. */
export interface Place {
  /** Number of the document. */
  document: number;
  /** Place of the token in the document, from 0. */
  offset: number;
}

const aPlace: Kind = {
  what: "null, or an object with document and offset",
  accepts(value) {
    const { document, offset }: Partial<Place> = Object(value);
    return value === null || [document, offset].every(whole(0).accepts);
  },
};

/** The state of TrainingBatches that a checkpoint keeps, as plain JSON. */
export interface TrainingBatchesState {
  /** How many documents there were, to recognise another corpus. */
  documents: number;
  /** The generator as it was before it shuffled the current epoch. */
  random: RandomState;
  /** Documents of the current epoch that rows have begun. */
  taken: number;
  /** One a row; null where the row's document has just ended. */
  places: (Place | null)[];
}

const stateKinds: Kinds<TrainingBatchesState> = {
  documents: whole(0),
  random: aRandomState,
  taken: whole(0),
  places: listOf(aPlace),
};

/** Tokens of the largest batch that one array is to hold. */
const MOST_TOKENS = 2 ** 28;

/** @throws InputError for a batch that no array could hold */
function requireArray({ rows, segmentLength }: BatchShape): void {
  check("rows", rows, whole(1, Math.floor(MOST_TOKENS / (segmentLength + 1))));
}

/**
 * One pass over the documents, in order: the next unread one goes to the first row that is free. Rows without a document
 * are empty; the pass ends when all are.
 * @throws InputError if no document has anything to predict
 */
export function* evaluationBatches(
  documents: readonly TokenizedDocument[],
  options: EvaluationOptions,
): Generator<Batch, void> {
  check("documents", documents, someDocuments);
  checkOptions("the options of evaluation batches", options, evaluationKinds);
  requireArray(options);
  const { rows, segmentLength, maxTokens = Infinity } = options;
  const tokensUpTo = (document: number) => tokensOf(documents[document]).subarray(0, maxTokens + 1);
  const places: (Place | null)[] = new Array(rows).fill(null);
  let unread = 0;
  const nextPlace = (): Place | null => {
    while (unread < documents.length && tokensUpTo(unread).length < 2) unread++;
    return unread < documents.length ? { document: unread++, offset: 0 } : null;
  };
  for (let count = 0; ; count++) {
    const batch = nextBatch(places, segmentLength, tokensUpTo, nextPlace);
    if (!batch.lengths.some((length) => length > 0)) {
      if (count === 0) throw nothingToPredict(documents.length);
      return;
    }
    yield batch;
  }
}

/**
 * Batches without end: the documents in a random order, in another one each epoch. A free row takes the next document, of
 * the next epoch if need be, so no row is ever empty; with fewer documents than rows several rows read the same one.
 */
export class TrainingBatches {
  private readonly documents: readonly TokenizedDocument[];
  private readonly segmentLength: number;
  private places: (Place | null)[];
  private random: Random;
  private epochStart: RandomState;
  /** The current epoch's order of documents; none yet before the first batch. */
  private order: readonly number[] = [];
  private taken = 0;

  /** Starts with the first epoch: the documents in an order that the seed decides. */
  constructor(documents: readonly TokenizedDocument[], options: BatchShape & { seed: number }) {
    check("documents", documents, someDocuments);
    checkOptions("the options of training batches", options, { ...shapeKinds, seed: aSeed });
    requireArray(options);
    const { rows, segmentLength, seed } = options;
    this.documents = documents;
    this.segmentLength = segmentLength;
    this.places = new Array(rows).fill(null);
    this.random = new Random(seed);
    this.epochStart = this.random.state();
  }

  /**
   * Returns the next batch, of the next epoch when one is over.
   * @throws InputError if no document has anything to predict
   */
  next(): Batch {
    const tokensIn = (document: number) => tokensOf(this.documents[document]);
    return nextBatch(this.places, this.segmentLength, tokensIn, () => this.nextPlace());
  }

  /** Returns the place in the data, from which a later run continues. */
  state(): TrainingBatchesState {
    return { documents: this.documents.length, random: this.epochStart, taken: this.taken, places: [...this.places] };
  }

  /**
   * Goes on exactly where `state` was taken.
   * @throws InputError if it was taken with other documents or another number of rows
   */
  restore(state: TrainingBatchesState): void {
    checkOptions("state", state, stateKinds);
    this.checkFits(state);
    this.random = Random.from(state.random);
    this.beginEpoch();
    this.taken = state.taken;
    this.places = [...state.places];
  }

  /** Throws if the state is of other documents or rows. */
  private checkFits(state: TrainingBatchesState): void {
    const { length } = this.documents;
    if (state.documents !== length) {
      throw new InputError(`the training data has ${length} documents, the run to resume had ${state.documents}`);
    }
    const [rows, savedRows] = [this.places.length, state.places.length];
    if (savedRows !== rows) throw new InputError(`a batch has ${rows} rows, in the run to resume it had ${savedRows}`);
    check("taken", state.taken, whole(0, length));
    for (const place of state.places) {
      if (place !== null) check("document", place.document, whole(0, length - 1));
      if (place === null || place.offset < this.documents[place.document].tokens().length - 1) continue;
      const { name } = this.documents[place.document];
      throw new InputError(`the training document ${name} is shorter than it was in the run to resume`);
    }
  }

  /** Shuffles the documents for another epoch. */
  private beginEpoch(): void {
    this.epochStart = this.random.state();
    this.order = permutation(this.documents.length, this.random);
    this.taken = 0;
  }

  /** The next row's document, and where in it to begin. */
  private nextPlace(): Place {
    // Twice the number of documents contains a whole epoch, wherever the current one stands.
    for (let tries = 0; tries < 2 * this.documents.length; tries++) {
      if (this.taken === this.order.length) this.beginEpoch();
      const document = this.order[this.taken++];
      if (tokensOf(this.documents[document]).length >= 2) return { document, offset: 0 };
    }
    throw nothingToPredict(this.documents.length);
  }
}

/** Reads one segment into every row and moves `places` on. */
function nextBatch(
  places: (Place | null)[],
  segmentLength: number,
  tokensOf: (document: number) => Int32Array,
  nextPlace: () => Place | null,
): Batch {
  const batch = emptyBatch(places.length, segmentLength);
  for (let row = 0; row < places.length; row++) {
    const place = places[row] ?? nextPlace();
    places[row] = place && readSegment(batch, row, segmentLength, place, tokensOf(place.document));
  }
  return batch;
}

function emptyBatch(rows: number, segmentLength: number): Batch {
  return {
    tokens: new Int32Array(rows * (segmentLength + 1)),
    starts: new Uint8Array(rows).fill(1),
    lengths: new Int32Array(rows),
    documents: new Int32Array(rows).fill(-1),
    offsets: new Int32Array(rows),
  };
}

/** Fills one row and returns where it goes on; null if the document ends with this segment. */
function readSegment(batch: Batch, row: number, segmentLength: number, place: Place, tokens: Int32Array): Place | null {
  const { document, offset } = place;
  const length = Math.min(segmentLength, tokens.length - 1 - offset);
  batch.tokens.set(tokens.subarray(offset, offset + length + 1), row * (segmentLength + 1));
  batch.starts[row] = offset === 0 ? 1 : 0;
  batch.lengths[row] = length;
  batch.documents[row] = document;
  batch.offsets[row] = offset;
  const end = offset + length;
  return end < tokens.length - 1 ? { document, offset: end } : null;
}

/** The numbers 0 … count − 1 in a random order (Fisher and Yates). */
function permutation(count: number, random: Random): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(random.next() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

/** The refusal of documents that are all too short. */
export function nothingToPredict(documents: number): InputError {
  return new InputError(`none of the ${documents} documents has two tokens or more, so there is nothing to predict`);
}
