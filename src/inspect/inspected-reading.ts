/**
 * One reading of a document, a segment at a time: the loss of each prediction, and what was retrieved for it. An inspection is two
 * of them (inspect.ts). A page that shows a document while it is read, or compares several sizes of memory, takes more.
 */
import { check, checkOptions, type Kinds, optional, someObject, tokenIds, whole } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { Lifetime, type Releasable } from "../base/lifetime.ts";
import type { ServedPairs } from "../memory/served/served-pairs.ts";
import { type MemorySnapshot, requireModel, requireTokens, restoreSnapshot } from "../memory/snapshot.ts";
import { requireSnapshot } from "../memory/snapshot-check.ts";
import { targetLosses } from "../model/losses.ts";
import { aMemorySize } from "../model/state.ts";
import { type LanguageModel, type ReadingState, requireVocabulary } from "../nn/language-model.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { type Retrievals, RetrievalWatch } from "./retrieval-watch.ts";

/** The options of one reading. */
export interface InspectedReadingOptions {
  /** M; 0 reads without a memory. Default: the size of `known`, or else the configuration's. */
  readonly memorySize?: number;
  /** The content of the memory before the document, with sources. Default: nothing. */
  readonly known?: MemorySnapshot;
  /** Pairs that others serve, with sources, older than the document. Default: none. It must be left out where `known` is given. */
  readonly served?: ServedPairs;
  /** Retrieved pairs kept for each token, those with the largest shares. Default: 8. */
  readonly top?: number;
}

export const inspectedReadingKinds: Kinds<InspectedReadingOptions> = {
  memorySize: optional(aMemorySize),
  known: optional(someObject),
  served: optional(someObject),
  top: optional(whole(1, 2 ** 16 - 1)),
};

/** A reading of n tokens under watch. Numbers of tokens that are not predicted yet are 0. */
export class InspectedReading implements Releasable {
  /** The document's tokens, [n]. */
  readonly ids: Int32Array;
  /** M of the memory; 0 if there is none. */
  readonly memorySize: number;
  /** −ln p(token), [n]; 0 for the first, which is never predicted. */
  readonly nats: Float32Array;
  /** Everything that was retrieved; undefined for a reading without a memory. */
  readonly retrievals: Retrievals | undefined;
  private readonly model: LanguageModel;
  private readonly state: ReadingState;
  private readonly watch: RetrievalWatch | undefined;
  private readonly life = new Lifetime("this InspectedReading");
  private read = 0;

  /**
   * Makes a reading that has read nothing.
   * @throws InputError if the document has nothing to predict, another model made `known`, or the memory does not fit into the heap
   */
  constructor(model: LanguageModel, tokenizer: Tokenizer, ids: Int32Array, options: InspectedReadingOptions = {}) {
    requireVocabulary(model, tokenizer);
    check("ids", ids, tokenIds);
    checkOptions("reading options", options, inspectedReadingKinds);
    const { known, served, memorySize = known?.size, top = 8 } = options;
    if (known !== undefined && served !== undefined)
      throw new InputError("served: it must be left out where known is given");
    if (known !== undefined) {
      requireSnapshot(known);
      requireModel(known, model.fingerprint());
      requireTokens(known, tokenizer.vocabSize);
    }
    if (ids.length < 2)
      throw new InputError(
        `a document of ${ids.length} token${ids.length === 1 ? "" : "s"} has nothing to predict or inspect`,
      );
    this.model = model;
    this.ids = ids;
    this.nats = new Float32Array(ids.length);
    this.state = model.newState({ rows: 1, memorySize, tokenizer, served });
    try {
      const [memory] = this.state.memories.values(); // all remember the same tokens
      this.memorySize = memory?.size ?? 0;
      if (memory !== undefined && known !== undefined) restoreSnapshot(this.state, 0, known);
      this.watch = memory === undefined ? undefined : new RetrievalWatch(this.state, ids.length, top);
    } catch (error) {
      this.state.release();
      throw error;
    }
    this.retrievals = this.watch;
  }

  /** Tokens that are predicted so far, of n − 1. */
  get done(): number {
    return this.read;
  }

  /** Whether all are predicted. */
  get complete(): boolean {
    return this.read === this.ids.length - 1;
  }

  /**
   * Reads up to the end of a segment, and so predicts the tokens behind. Does nothing once all are predicted.
   * @throws InputError if a loss is not finite
   */
  advance(): void {
    this.life.require();
    if (this.complete) return;
    const { ids, state, watch, read } = this;
    const end = Math.min(read + state.room, ids.length - 1);
    const input = { ids: ids.subarray(read, end), observe: watch?.segmentFrom(read) };
    this.nats.set(targetLosses(this.model, input, ids.subarray(read + 1, end + 1), state), read + 1);
    this.read = end;
  }

  /** Frees the memory. The numbers stay. */
  release(): void {
    this.life.end(() => this.state.release());
  }
}
