/**
 * The state that a decoder carries from one segment to the next: each layer's keys and values in the window, sinks, memories. A segment
 * may arrive in one piece or token by token. When the next one begins, tokens that it does not see any more are remembered.
 */
import type { Attended, AttentionContext } from "../autodiff/ops/attention.ts";
import type { Tensor } from "../autodiff/tensor.ts";
import { checkOptions, type Kinds, optional, whole, withMethods } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { allOrNothing, Lifetime } from "../base/lifetime.ts";
import type { StoredTensor } from "../formats/safetensors.ts";
import type { TensorReader } from "../formats/tensor-reader.ts";
import type { RememberingHeads } from "../memory/chosen-heads.ts";
import type { KvMemory } from "../memory/memory.ts";
import { SourceLog, type TokenBytes } from "../memory/sources.ts";
import type { StateOptions, TrainingState } from "../nn/language-model.ts";
import { MemorizedDocument } from "../nn/memorized-document.ts";
import type { Architecture } from "./architecture.ts";
import type { Distance, DistantPairs } from "./distant-pairs.ts";
import type { LayerContext, TokenPairs } from "./layer-context.ts";
import { type ReadingSettings, readingSettings } from "./reading-settings.ts";
import { loadState, type SavedParts, savedCapacity, saveState } from "./saved-state.ts";
import { SeenTokens } from "./seen-tokens.ts";
import type { SegmentAngles } from "./segment-angles.ts";
import { type GoneRange, SegmentPlace } from "./segment-place.ts";
import { requireFinitePairs, stateParts } from "./state-parts.ts";

/** The size of a state, and how it reads. */
export interface DecoderStateOptions extends Partial<ReadingSettings>, StateOptions {}

const rowKinds: Kinds<Pick<DecoderStateOptions, "rows" | "tokenizer">> = {
  rows: whole(1, 2 ** 16),
  tokenizer: optional(withMethods("a tokenizer", "byteLength")),
};

/** Tokens that the buffers of a new state have room for; they grow. */
const FIRST_ROOM = 1024;

/** The state of a decoder between two segments. */
export class DecoderState implements TrainingState {
  /** B, documents side by side. */
  readonly rows: number;
  /** How it reads. */
  readonly settings: ReadingSettings;
  /** The memories by layer. */
  readonly memories: ReadonlyMap<number, KvMemory>;
  /** The sources of each row's memories; empty without memories or a tokenizer. */
  readonly sources: readonly SourceLog[];
  private readonly architecture: Architecture;
  private readonly contexts: readonly LayerContext[];
  private readonly distant: readonly (DistantPairs | undefined)[];
  private readonly angles: SegmentAngles | undefined;
  private readonly place: SegmentPlace;
  private readonly seenTokens: SeenTokens;
  private readonly life = new Lifetime("this state of a model");
  private readonly memorized = new MemorizedDocument();

  /** Makes a state that has read nothing. */
  constructor(architecture: Architecture, { rows, tokenizer, served, ...given }: DecoderStateOptions) {
    if (served !== undefined) {
      throw new InputError(
        "served: a model that others trained cannot look up pairs that others serve; load their file",
      );
    }
    checkOptions("a state's options", { rows, tokenizer }, rowKinds);
    this.architecture = architecture;
    this.settings = readingSettings(architecture, given);
    this.rows = rows;
    this.place = new SegmentPlace(rows, this.settings.window);
    const capacity = Math.min(this.mostRoom, Math.max(this.settings.segment, FIRST_ROOM));
    this.seenTokens = new SeenTokens(rows, capacity);
    ({
      contexts: this.contexts,
      distant: this.distant,
      angles: this.angles,
    } = allOrNothing((own) => stateParts(architecture, this.settings, rows, capacity, own)));
    this.memories = new Map(
      this.distant.flatMap((distant, layer) => (distant?.memory ? [[layer, distant.memory]] : [])),
    );
    this.sources = this.newSources(tokenizer);
  }

  private newSources(tokenizer: TokenBytes | undefined): SourceLog[] {
    const [memory] = this.memories.values(); // all have the same slots
    if (tokenizer === undefined || memory === undefined) return [];
    return Array.from({ length: this.rows }, () => new SourceLog(memory.capacity, tokenizer));
  }

  /** Tokens that the buffers need room for: W + T. */
  private get mostRoom(): number {
    return this.settings.window + this.settings.segment;
  }

  /** @throws InputError if the state is not of a model with this description */
  requireFit(architecture: Architecture): void {
    if (architecture === this.architecture) return;
    throw new InputError("state: it is that of another model; make a state with this model's newState()");
  }

  /** T, tokens of a segment. */
  get segmentLength(): number {
    return this.settings.segment;
  }

  /** The kv heads that remember. */
  get rememberingHeads(): RememberingHeads {
    const { memoryHeads } = this.settings;
    const headsOf = (layer: number) => memoryHeads.filter(([at]) => at === layer).map(([, head]) => head);
    const byLayer = new Map(memoryHeads.map(([layer]) => [layer, headsOf(layer)]));
    return { count: this.architecture.keyHeads, byLayer };
  }

  /** The query heads of a layer that look pairs up: those of the kv heads that remember. */
  retrievingHeads(layer: number): readonly number[] {
    return this.distant[layer]?.retrievingHeads ?? [];
  }

  /** Tokens that still fit into the current segment, or into the next if the current one is full. */
  get room(): number {
    return this.settings.segment - (this.place.offset % this.settings.segment);
  }

  /**
   * Makes room for the next tokens: if the last segment was complete, what leaves the window is remembered. Rows whose document
   * begins here are reset. `starts` [B] is allowed only at the beginning of a segment.
   * @throws InputError if they continue a document that was read for the memories alone, and are not `forMemoriesAlone` too
   */
  begin(starts: ArrayLike<number> | undefined, forMemoriesAlone = false): void {
    this.life.require();
    this.memorized.continue(forMemoriesAlone);
    const { place } = this;
    if (place.offset === this.settings.segment) this.nextSegment();
    for (let row = 0; row < this.rows; row++) {
      if (!starts?.[row]) continue;
      if (place.offset > 0) throw new InputError("a document can begin only where a segment begins");
      this.forget(row);
      place.beginDocument(row);
    }
    this.angles?.begin(place.begins);
  }

  private forget(row: number): void {
    for (const distant of this.distant) distant?.reset(row);
    this.sources.at(row)?.reset();
  }

  private nextSegment(): void {
    const { place, settings } = this;
    place.nextSegment();
    this.remember(place.leave());
    const needed = place.start + settings.segment;
    const { capacity } = this.seenTokens;
    if (needed <= capacity) return;
    if (capacity < this.mostRoom) this.grow(Math.min(this.mostRoom, Math.max(needed, 2 * capacity)));
    if (needed > this.seenTokens.capacity) this.roll(place.start - settings.window);
  }

  private grow(capacity: number): void {
    for (const context of this.contexts) context.grow(capacity);
    this.seenTokens.grow(capacity);
  }

  /** Gives up the tokens before index `from`. */
  private roll(from: number): void {
    const { place } = this;
    for (const context of this.contexts) context.roll(from, place.start);
    this.seenTokens.roll(from, place.start);
    place.shift(from);
  }

  /** Keeps what left the window: the first tokens of a document as sinks, the others in the memories. */
  private remember(ranges: readonly GoneRange[]): void {
    for (const { row, from, to, position } of ranges) {
      const sinks = Math.min(to - from, Math.max(0, this.settings.sinks - position));
      for (const [layer, distant] of this.distant.entries()) {
        if (sinks > 0) distant?.keepSinks(row, this.gonePairs(layer, row, from, from + sinks));
        if (from + sinks < to) distant?.remember(row, this.gonePairs(layer, row, from + sinks, to));
      }
      const log = this.sources.at(row);
      const ids = this.seenTokens.range(row, from, to);
      log?.pass(ids.subarray(0, sinks));
      log?.read(ids.subarray(sinks));
    }
  }

  private gonePairs(layer: number, row: number, from: number, to: number) {
    const context = this.contexts[layer];
    const at = context.at(row, from);
    const { keys, values } = context.remembered;
    return { keys: keys.ptr + at, turned: context.keys.ptr + at, values: values.ptr + at, count: to - from };
  }

  /** The tokens of the window if they must be read again, [B, W]: with learned positions, once something has left it. */
  get again(): Int32Array | undefined {
    const { place, settings, architecture } = this;
    if (architecture.positions.kind !== "learned" || place.offset > 0 || !place.isCut) return undefined;
    return this.seenTokens.columns(place.start - settings.window, place.start);
  }

  /** Learned positions of `count` tokens of every row, from index `past` on: they count from the first token that is seen. */
  learnedPositions(past: number, count: number): Int32Array {
    return Int32Array.from({ length: this.rows * count }, (_, i) => {
      return Math.max(0, past + (i % count) - this.place.first[Math.floor(i / count)]);
    });
  }

  /** Index of the next token in the buffers; of the window's first token while it is read again. */
  pastOf(again: boolean): number {
    return again ? this.place.start - this.settings.window : this.place.next;
  }

  /** x [B, n, heads·D] of the next tokens, turned by their positions; unchanged without rotation. */
  turn(x: Tensor, layer: number): Tensor {
    return this.angles?.here(x, layer, this.place.offset) ?? x;
  }

  /** Writes the pairs of the next tokens, and returns what their queries see of the window. */
  extend(layer: number, pairs: TokenPairs, again: boolean): AttentionContext {
    const [context, past] = [this.contexts[layer], this.pastOf(again)];
    context.extend(past, pairs, again);
    const { keys, values, capacity } = context;
    const seen = this.architecture.windows[layer];
    return { keys, values, capacity, past, first: this.place.first, window: seen === null ? Infinity : seen - 1 };
  }

  /** Adds what the layer knows of tokens that left the window. q [B, n, H·D] before its rotation, `here` after it. */
  joinDistant(layer: number, local: Attended, q: Tensor, here: Tensor, options: Omit<Distance, "nearby">): Attended {
    const { angles, settings } = this;
    const queries = {
      here,
      reach: () => angles?.reach(q, layer) ?? q,
      sink: () => angles?.sink(q, layer) ?? q,
    };
    const nearby = this.place.nearby(settings.reach, settings.sinks);
    return this.distant[layer]?.join(local, queries, { ...options, nearby }) ?? local;
  }

  /**
   * Notes that the tokens [B, n] were read, of row b only lengths[b], in the first `layers` layers.
   * @throws NotFiniteError if a key or value to remember is not finite; then the tokens count as unread
   */
  advance(ids: Int32Array, lengths: ArrayLike<number> | undefined, layers = this.contexts.length): void {
    const count = ids.length / this.rows;
    requireFinitePairs({ ...this.parts, contexts: this.contexts.slice(0, layers) }, this.place.next, count);
    this.seenTokens.write(ids, this.place.next);
    this.place.advance(count, lengths);
    this.memorized.advance();
  }

  /**
   * Ends a document, perhaps within a segment: its last tokens enter the memories. The next text has neither its window nor its
   * sinks, begins at position 0, and sees all that is remembered at the distance R, as if it had been read from a file.
   */
  endDocument(): void {
    this.life.require();
    const { place } = this;
    if (this.memories.size > 0) this.remember(place.leave(place.next));
    for (const distant of this.distant) {
      for (let row = 0; row < this.rows; row++) distant?.forgetSinks(row);
    }
    place.clear();
    this.memorized.end();
    for (const log of this.sources) log.closeDocument();
  }

  private get parts(): SavedParts {
    const { rows, place, seenTokens, contexts, distant } = this;
    return { rows, place, ids: seenTokens.ids, contexts, distant };
  }

  /** Copies everything that was read and remembered, for a checkpoint; see saved-state.ts. */
  save(prefix = ""): Map<string, StoredTensor> {
    this.life.require();
    this.memorized.requireWhole();
    return saveState(this.parts, prefix);
  }

  /**
   * Restores what `save` copied.
   * @throws InputError for tensors that do not fit this state, which has read nothing then
   */
  load(reader: TensorReader, prefix = ""): void {
    this.life.require();
    this.memorized.end();
    this.grow(Math.max(this.seenTokens.capacity, savedCapacity(reader, prefix, this.mostRoom)));
    try {
      loadState(this.parts, reader, prefix, { window: this.settings.window, vocabulary: this.architecture.vocabulary });
    } catch (error) {
      for (let row = 0; row < this.rows; row++) this.forget(row);
      this.place.clear();
      throw error;
    }
  }

  /** Frees the storage; the state must not be used afterwards. */
  release(): void {
    this.life.end(() => {
      for (const part of [...this.contexts, ...this.distant, this.angles]) part?.release();
    });
  }

  /** Releases it, at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.release();
  }
}
