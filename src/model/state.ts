/**
 * What a model carries from one segment to the next: each layer's context (Transformer-XL cache and the current segment's
 * pairs) and the memories. Training and evaluation have a state each; parameters are not part of it.
 *
 * A segment may arrive whole, as in training, or token by token, as in generation. When it is complete, its pairs are
 * appended to the memories; when the next begins, the contexts roll on by one segment.
 */
import type { AttentionContext } from "../autodiff/ops/attention.ts";
import { persistentTensor, type Tensor } from "../autodiff/tensor.ts";
import { floatTensor, type StoredTensor } from "../formats/safetensors.ts";
import type { TensorReader } from "../formats/tensor-reader.ts";
import { requireRoom } from "../memory/bytes.ts";
import { KvMemory } from "../memory/memory.ts";
import { SourceLog, type TokenBytes } from "../memory/sources.ts";
import { heap, kernels } from "../wasm/runtime.ts";
import type { ModelConfig } from "./config.ts";

interface LayerPairs {
  readonly keys: Tensor;
  readonly values: Tensor;
}

export interface StateOptions {
  /** B, documents side by side. */
  readonly rows: number;
  /** M; the configuration's unless given. 0 is the model without memory. */
  readonly memorySize?: number;
  /** Of the text that is read; with it the state notes where the pairs in its memories come from. */
  readonly tokenizer?: TokenBytes;
}

export class ModelState {
  readonly rows: number;
  /** The memories by layer. */
  readonly memories: ReadonlyMap<number, KvMemory>;
  /** Where what each row remembers comes from; none unless there are memories and a tokenizer was given. */
  readonly sources: readonly SourceLog[];
  private readonly config: ModelConfig;
  private readonly layers: readonly LayerPairs[];
  /** Positions before the segment: W, the cache length. */
  private readonly cacheLength: number;
  /** Tokens of the current segment that were read. */
  private offset = 0;
  /** First valid position of each row's context. */
  private readonly first: Int32Array;

  constructor(config: ModelConfig, { rows, memorySize = config.memory_size, tokenizer }: StateOptions) {
    const { num_attention_heads: heads, head_dim: width, segment_length: segment } = config;
    this.config = config;
    this.rows = rows;
    this.cacheLength = config.xl_cache_length;
    this.first = new Int32Array(rows).fill(this.cacheLength);
    const remembering = memorySize > 0 ? config.memory_layers : [];
    const memoryShape = { rows, heads, width, size: memorySize, segment };
    const { memory_search: kind, memory_buckets: bucketsPerNeighbour, memory_dtype: dtype } = config;
    const { memory_lists: lists, memory_probes: probes } = config;
    const options = { kind, bucketsPerNeighbour, lists, probes, dtype };
    requireRoom(memoryShape, options, remembering.length);
    this.memories = new Map(remembering.map((layer) => [layer, new KvMemory(memoryShape, options)]));
    const shape = [rows, this.capacity, heads * width];
    this.layers = Array.from({ length: config.num_hidden_layers }, () => ({
      keys: persistentTensor(shape),
      values: persistentTensor(shape),
    }));
    const [memory] = this.memories.values(); // all have the same slots
    const logged = remembering.length > 0 ? rows : 0;
    this.sources =
      tokenizer === undefined ? [] : Array.from({ length: logged }, () => new SourceLog(memory.capacity, tokenizer));
  }

  /** Positions of a context: cache and segment. */
  get capacity(): number {
    return this.cacheLength + this.config.segment_length;
  }

  /** Tokens that still fit the current segment; a full one gives way to the next. */
  get room(): number {
    return this.config.segment_length - (this.offset % this.config.segment_length);
  }

  /**
   * Makes room for the next tokens: rolls the contexts when the last segment was complete, and forgets everything of the
   * rows whose document begins here. `starts` [B] counts only at the beginning of a segment.
   */
  begin(starts: ArrayLike<number> | undefined): void {
    if (this.offset === this.config.segment_length) this.roll();
    if (starts === undefined) return;
    for (let row = 0; row < this.rows; row++) {
      if (!starts[row]) continue;
      if (this.offset > 0) throw new Error("a document can begin only where a segment begins");
      this.first[row] = this.cacheLength;
      for (const memory of this.memories.values()) memory.reset(row);
      this.sources.at(row)?.reset();
    }
  }

  /** The context in which `layer` attends now. */
  context(layer: number): AttentionContext {
    return {
      ...this.layers[layer],
      capacity: this.capacity,
      past: this.cacheLength + this.offset,
      first: this.first,
      window: this.cacheLength > 0 ? this.cacheLength : Number.POSITIVE_INFINITY,
    };
  }

  /** Notes that the tokens [B, n] were read; a complete segment goes into the memories, of row b only lengths[b] tokens. */
  advance(ids: Int32Array, lengths: ArrayLike<number> | undefined): void {
    const count = ids.length / this.rows;
    for (const [row, log] of this.sources.entries()) {
      log.read(ids.subarray(row * count, row * count + (lengths?.[row] ?? count)));
    }
    this.offset += count;
    if (this.offset === this.config.segment_length) this.remember(lengths);
  }

  /** Ends a document in the middle of a segment: what was read of it goes into the memories, and the next text has no context. */
  endDocument(): void {
    if (this.offset < this.config.segment_length) this.remember(undefined);
    this.offset = 0;
    this.first.fill(this.cacheLength);
    for (const log of this.sources) log.closeDocument();
  }

  private remember(lengths: ArrayLike<number> | undefined): void {
    const rowBytes = this.capacity * this.config.num_attention_heads * this.config.head_dim * 4;
    const segmentAt = (rowBytes / this.capacity) * this.cacheLength;
    for (const [layer, memory] of this.memories) {
      const { keys, values } = this.layers[layer];
      for (let row = 0; row < this.rows; row++) {
        const at = row * rowBytes + segmentAt;
        memory.append(row, keys.ptr + at, values.ptr + at, lengths?.[row] ?? this.offset);
      }
    }
  }

  /** Moves the last W positions of every context to the front. */
  private roll(): void {
    const positionBytes = this.config.num_attention_heads * this.config.head_dim * 4;
    for (const { keys, values } of this.layers) {
      for (let row = 0; row < this.rows; row++) {
        const at = row * this.capacity * positionBytes;
        const from = at + this.config.segment_length * positionBytes;
        kernels.move(keys.ptr + at, keys.ptr + from, this.cacheLength * positionBytes);
        kernels.move(values.ptr + at, values.ptr + from, this.cacheLength * positionBytes);
      }
    }
    for (let row = 0; row < this.rows; row++) {
      this.first[row] = Math.max(0, this.first[row] - this.config.segment_length);
    }
    this.offset = 0;
  }

  /**
   * A copy of all that was read and remembered, to go on from later, by names that begin with `prefix`: `offset [1]`, `first [B]`,
   * contexts as far as they are filled, `layers.0.row.0.keys|values [past, H·D]`, and memories, `memories.2.row.0.appended [1]`,
   * `memories.2.row.0.keys|values [H, length, D]`. A complete segment has rolled on; nothing else changes.
   */
  save(prefix = ""): Map<string, StoredTensor> {
    if (this.offset === this.config.segment_length) this.roll();
    const { num_attention_heads: heads, head_dim: width } = this.config;
    const saved = new Map([
      [`${prefix}offset`, integers([this.offset])],
      [`${prefix}first`, integers(this.first)],
    ]);
    for (const [name, view] of this.contexts(prefix)) {
      saved.set(name, floatTensor([view.length / (heads * width), heads * width], view.slice()));
    }
    for (const [name, memory, row] of this.memoryRows(prefix)) {
      const { keys, values } = memory.contents(row);
      const shape = [heads, memory.length(row), width];
      saved.set(`${name}.appended`, integers([memory.appended(row)]));
      saved.set(`${name}.keys`, floatTensor(shape, keys)).set(`${name}.values`, floatTensor(shape, values));
    }
    return saved;
  }

  /** Goes on exactly where `save` was called with `prefix`. Throws an InputError for tensors that do not fit this state. */
  load(reader: TensorReader, prefix = ""): void {
    const { num_attention_heads: heads, head_dim: width, segment_length: segment } = this.config;
    [this.offset] = reader.integers(`${prefix}offset`, [1], segment - 1);
    this.first.set(reader.integers(`${prefix}first`, [this.rows], this.cacheLength));
    for (const [name, view] of this.contexts(prefix)) {
      view.set(reader.floats(name, [view.length / (heads * width), heads * width]));
    }
    for (const [name, memory, row] of this.memoryRows(prefix)) {
      const [appended] = reader.integers(`${name}.appended`, [1], Number.MAX_SAFE_INTEGER);
      const shape = [heads, Math.min(appended, memory.size), width];
      const contents = { keys: reader.numbers(`${name}.keys`, shape), values: reader.numbers(`${name}.values`, shape) };
      memory.restore(row, appended, contents);
    }
  }

  /** Views of the filled part of every row's contexts, by name; good until the next allocation. */
  private *contexts(prefix: string): Generator<[name: string, view: Float32Array]> {
    const { num_attention_heads: heads, head_dim: width } = this.config;
    const filled = (this.cacheLength + this.offset) * heads * width;
    for (const [layer, pairs] of this.layers.entries()) {
      for (let row = 0; row < this.rows; row++) {
        const at = row * this.capacity * heads * width * 4;
        for (const kind of ["keys", "values"] as const) {
          yield [`${prefix}layers.${layer}.row.${row}.${kind}`, heap.f32(pairs[kind].ptr + at, filled)];
        }
      }
    }
  }

  /** Every row of every memory, by name. */
  private *memoryRows(prefix: string): Generator<[name: string, memory: KvMemory, row: number]> {
    for (const [layer, memory] of this.memories) {
      for (let row = 0; row < this.rows; row++) yield [`${prefix}memories.${layer}.row.${row}`, memory, row];
    }
  }

  /** Gives the memory back; the state must not be used afterwards. */
  release(): void {
    for (const { keys, values } of this.layers) {
      heap.release(keys.ptr);
      heap.release(values.ptr);
    }
    for (const memory of this.memories.values()) memory.release();
  }
}

function integers(numbers: ArrayLike<number>): StoredTensor {
  return { dtype: "I64", shape: [numbers.length], data: BigInt64Array.from(numbers, BigInt) };
}
