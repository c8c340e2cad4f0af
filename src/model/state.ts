/**
 * The state that a model carries from one segment to the next. It has each layer's context (Transformer-XL cache and the
 * current segment's pairs), the last token's keys where keys are smeared, and the memories. Training and evaluation each have
 * their own state. Parameters are not part of it.
 *
 * A segment may arrive in one piece, as in training, or token by token, as in generation. When it is complete, its pairs are
 * appended to the memories. When the next begins, the contexts roll by one segment.
 */
import { checkOptions, type Kind, type Kinds, optional, whole, withMethods } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { allOrNothing, Lifetime } from "../base/lifetime.ts";
import type { StoredTensor } from "../formats/safetensors.ts";
import type { TensorReader } from "../formats/tensor-reader.ts";
import { mechanismOf, pastOf } from "../mechanisms/list.ts";
import type { MechanismLayer } from "../mechanisms/mechanism.ts";
import { MechanismState } from "../mechanisms/state.ts";
import { requireRoom } from "../memory/bytes.ts";
import { KvMemory } from "../memory/memory.ts";
import { PairTokens } from "../memory/pair-tokens.ts";
import type { MemorySearch, ServedPairs } from "../memory/served/served-pairs.ts";
import { SourceLog } from "../memory/sources.ts";
import type { StateOptions, TrainingState } from "../nn/language-model.ts";
import { MemorizedDocument } from "../nn/memorized-document.ts";
import type { LayerContext } from "../nn/self-attention.ts";
import { kernels } from "../wasm/runtime.ts";
import { type ModelConfig, smearsKeys } from "./config.ts";
import { type LayerPairs, layerPairs, requireFinitePairs, rollContexts } from "./contexts.ts";
import { loadState, type StateParts, savedOffset, saveState } from "./saved-state.ts";
import { memoryOptionsOf, requireSameShapes } from "./state-shape.ts";

/** M; 0 is the model without memory. */
export const aMemorySize: Kind = whole(0, 2 ** 24);
const stateKinds: Kinds<StateOptions> = {
  rows: whole(1, 2 ** 16),
  memorySize: optional(aMemorySize),
  tokenizer: optional(withMethods("a tokenizer", "byteLength")),
  served: optional(withMethods("pairs that others serve", "besides", "sources", "tokens")),
};

/** The state of a model between two segments: the context of each layer, the memories, and their sources. */
export class ModelState implements TrainingState {
  /** B, documents side by side. */
  readonly rows: number;
  /** The memories by layer. */
  readonly memories: ReadonlyMap<number, KvMemory>;
  /** What the model's mechanism carries, if it has one. */
  private readonly mechanism: MechanismState | undefined;
  /** The sources of each row's memories; empty without memories or a tokenizer. */
  readonly sources: readonly SourceLog[];
  /** The tokens of remembered pairs, where predictions copy. */
  readonly tokens: PairTokens | undefined;
  /** Pairs that others serve, if it looks up any. */
  readonly served: ServedPairs | undefined;
  private readonly config: ModelConfig;
  private readonly contextPairs: readonly LayerPairs[];
  private readonly life = new Lifetime("this state of a model");
  private readonly memorized = new MemorizedDocument();
  /** Positions before the segment: W, the cache length, or what a mechanism needs. */
  private readonly cacheLength: number;
  /** Positions at the beginning of a context that do not roll. */
  private readonly pinned: number;
  /** Tokens read of the current segment. */
  private offset = 0;
  /** Of each row, its real tokens of the current segment. */
  private readonly filled: Int32Array;
  /** First valid position of each row's context. */
  private readonly first: Int32Array;
  /** 1 for each row that has read something of its document, [B]. */
  private readonly begun: Int32Array;

  /** Makes a state that has read nothing. */
  constructor(config: ModelConfig, stateOptions: StateOptions) {
    checkOptions("a state's options", stateOptions, stateKinds);
    const { rows, memorySize = config.memory_size, tokenizer, served } = stateOptions;
    const { num_attention_heads: heads, head_dim: width, segment_length: segment, vocab_size: vocabulary } = config;
    this.config = config;
    this.rows = rows;
    this.served = served;
    ({ length: this.cacheLength, pinned: this.pinned } = pastOf(config));
    this.first = new Int32Array(rows).fill(this.cacheLength);
    this.begun = new Int32Array(rows);
    this.filled = new Int32Array(rows);
    const remembering = memorySize > 0 ? config.memory_layers : [];
    const memoryShape = { rows, heads, width, size: memorySize, segment };
    const options = memoryOptionsOf(config);
    if (remembering.length > 0) requireRoom(memoryShape, options, remembering.length);
    const copies = remembering.length > 0 && config.memory_copy;
    const chosen = mechanismOf(config);
    const attending = chosen && !chosen.attention ? 0 : config.num_hidden_layers;
    [this.memories, this.tokens, this.contextPairs, this.mechanism] = allOrNothing((own) => [
      new Map(remembering.map((layer) => [layer, own(new KvMemory(memoryShape, options))])),
      copies ? own(new PairTokens(memoryShape, vocabulary, served?.tokens())) : undefined,
      Array.from({ length: attending }, (_, layer) => {
        return layerPairs([rows, this.capacity, heads * width], smearsKeys(config, layer), this.begun, own);
      }),
      chosen && new MechanismState(chosen, rows, own),
    ]);
    const [memory] = this.memories.values(); // all have the same slots
    const logged = remembering.length > 0 ? rows : 0;
    this.sources =
      tokenizer === undefined ? [] : Array.from({ length: logged }, () => new SourceLog(memory.capacity, tokenizer));
  }

  /** Contexts by layer; refused after the state's release. */
  private get layers(): readonly LayerPairs[] {
    this.life.require();
    return this.contextPairs;
  }

  /**
   * Refuses a model of other shapes.
   * @throws InputError if the state does not fit a model of this configuration
   */
  requireFit(config: ModelConfig): void {
    requireSameShapes(this.config, config);
  }

  /** T, tokens of a segment. */
  get segmentLength(): number {
    return this.config.segment_length;
  }

  /** The heads of a layer that look pairs up: all. */
  retrievingHeads(_layer: number): number[] {
    return Array.from({ length: this.config.num_attention_heads }, (_, head) => head);
  }

  /** Positions of a context: cache and segment. */
  get capacity(): number {
    return this.cacheLength + this.config.segment_length;
  }

  /** Tokens that still fit into the current segment, or into the next if the current one is full. */
  get room(): number {
    return this.config.segment_length - (this.offset % this.config.segment_length);
  }

  /**
   * Makes room for the next tokens: rolls the contexts if the last segment was complete, and resets the rows whose document
   * begins here. `starts` [B] is allowed only at the beginning of a segment.
   * @throws InputError if they continue a document that was read for the memories alone, and are not `forMemoriesAlone` too
   */
  begin(starts: ArrayLike<number> | undefined, forMemoriesAlone = false): void {
    this.life.require();
    this.memorized.continue(forMemoriesAlone);
    if (this.offset === this.config.segment_length) this.roll();
    if (starts === undefined) return;
    for (let row = 0; row < this.rows; row++) {
      if (!starts[row]) continue;
      if (this.offset > 0) throw new InputError("a document can begin only where a segment begins");
      this.forget(row);
    }
  }

  /** Forgets what a row has read. */
  private forget(row: number): void {
    this.first[row] = this.cacheLength;
    this.begun[row] = 0;
    this.mechanism?.reset(row);
    for (const memory of this.memories.values()) memory.reset(row);
    this.sources.at(row)?.reset();
  }

  /** The context that `layer` attends to now. */
  context(layer: number): LayerContext {
    return {
      ...this.layers[layer],
      capacity: this.capacity,
      past: this.cacheLength + this.offset,
      first: this.first,
      window: this.cacheLength > 0 ? this.cacheLength : Number.POSITIVE_INFINITY,
    };
  }

  /** The memory of `layer` as it looks pairs up, with those that others serve; undefined if the layer has none. */
  searched(layer: number): MemorySearch | undefined {
    const memory = this.memories.get(layer);
    return memory && (this.served?.besides(memory, layer) ?? memory);
  }

  /** What the model's mechanism carries in `layer` now; undefined if the model has none. */
  mechanismLayer(layer: number): MechanismLayer | undefined {
    this.life.require();
    return this.mechanism?.layer(layer, this.offset);
  }

  /**
   * Notes that the tokens [B, n] were read. A complete segment enters the memories, of row b only its lengths[b] tokens.
   * @throws NotFiniteError if a key or value to remember is not finite; then the tokens count as unread
   */
  advance(ids: Int32Array, lengths: ArrayLike<number> | undefined): void {
    const count = ids.length / this.rows;
    for (const layer of this.memories.keys()) requireFinitePairs(this.parts(), layer, count);
    for (const [row, log] of this.sources.entries()) {
      log.read(ids.subarray(row * count, row * count + (lengths?.[row] ?? count)));
    }
    for (const row of this.filled.keys()) {
      const length = lengths?.[row] ?? count;
      if (length > 0 || this.offset === 0) this.filled[row] = this.offset + length; // padding behind what was read changes nothing
    }
    for (const { preceding } of this.layers) {
      if (preceding !== undefined) kernels.move(preceding.keys.ptr, preceding.latest.ptr, preceding.keys.size * 4);
    }
    this.mechanism?.afterTokens(this.offset, count);
    this.tokens?.read(ids, this.offset);
    this.begun.fill(1);
    this.memorized.advance();
    this.offset += count;
    if (this.offset === this.config.segment_length) this.remember();
  }

  /** Ends a document, perhaps within a segment: its last tokens enter the memories, and the next text has no context. */
  endDocument(): void {
    this.life.require();
    if (this.offset < this.config.segment_length) this.remember();
    this.beginSegment();
    this.memorized.end();
    this.first.fill(this.cacheLength);
    this.begun.fill(0);
    for (let row = 0; row < this.rows; row++) this.mechanism?.reset(row);
    for (const log of this.sources) log.closeDocument();
  }

  /**
   * Begins the document again, which was read whole: a mechanism that reads twice then sees the whole document, later tokens too, so
   * nothing that follows is a prediction. `endDocument` and the next document end it.
   * @throws InputError if the model's mechanism does not read twice, or if the state has several rows
   */
  readAgain(): void {
    this.life.require();
    if (this.mechanism === undefined) throw new InputError("readAgain: the model has no mechanism that reads twice");
    if (this.offset === this.config.segment_length) this.roll();
    this.mechanism.readAgain(this.offset);
    this.first.fill(this.cacheLength);
    this.begun.fill(0);
    this.beginSegment();
  }

  /** Forgets what the model's mechanism carries, because its meaning has changed. Documents go on. */
  clearCarried(): void {
    this.life.require();
    this.mechanism?.clear();
  }

  /** Appends the segment's pairs to the memories. */
  private remember(): void {
    const rowBytes = this.capacity * this.config.num_attention_heads * this.config.head_dim * 4;
    const segmentAt = (rowBytes / this.capacity) * this.cacheLength;
    this.tokens?.remember(this.memories, this.filled);
    for (const [layer, memory] of this.memories) {
      const { keys, values } = this.layers[layer];
      for (let row = 0; row < this.rows; row++) {
        const at = row * rowBytes + segmentAt;
        memory.append(row, keys.ptr + at, values.ptr + at, this.filled[row]);
      }
    }
  }

  /** Empties the place of the segment. */
  private beginSegment(): void {
    this.offset = 0;
    this.filled.fill(0);
  }

  /** Moves the last W positions of every context to the front, once the mechanism has taken from the segment what it carries on. */
  private roll(): void {
    this.mechanism?.afterSegment((layer) => (this.contextPairs[layer] ? this.context(layer) : undefined));
    rollContexts(this.parts(), this.pinned, this.config.segment_length);
    for (let row = 0; row < this.rows; row++) {
      this.first[row] = Math.max(this.pinned, this.first[row] - this.config.segment_length);
    }
    this.beginSegment();
  }

  /** Copies everything that was read and remembered, for a checkpoint; see saved-state.ts. Rolls complete contexts, and changes nothing else. */
  save(prefix = ""): Map<string, StoredTensor> {
    this.life.require();
    this.memorized.requireWhole();
    if (this.offset === this.config.segment_length) this.roll();
    return saveState(this.parts(), prefix);
  }

  /** Everything that the state holds, as it is now. */
  private parts(): StateParts {
    const { rows, layers, capacity, offset, first, begun, mechanism, memories, tokens } = this;
    const { num_attention_heads: heads, head_dim: width } = this.config;
    const contexts = { rows, layers, capacity, filled: this.cacheLength + offset, floats: heads * width };
    return { ...contexts, offset, first, begun, mechanism, memories, tokens };
  }

  /**
   * Restores the state that `save` copied with `prefix`.
   * @throws InputError for tensors that do not fit this state, which has read nothing then
   */
  load(reader: TensorReader, prefix = ""): void {
    this.life.require();
    this.memorized.end();
    try {
      this.offset = savedOffset(reader, prefix, this.config.segment_length);
      this.filled.fill(this.offset);
      loadState(this.parts(), reader, prefix, this.cacheLength);
    } catch (error) {
      this.beginSegment();
      for (let row = 0; row < this.rows; row++) this.forget(row);
      throw error;
    }
  }

  /** Frees the storage; the state must not be used afterwards. */
  release(): void {
    this.life.end(() => {
      for (const { keys, values, preceding } of this.contextPairs) {
        for (const tensor of [keys, values, preceding?.keys, preceding?.latest]) tensor?.release();
      }
      for (const part of [this.mechanism, this.tokens, ...this.memories.values()]) part?.release();
    });
  }

  /** Releases it, at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.release();
  }
}
