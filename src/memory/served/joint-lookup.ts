/**
 * One lookup in pairs that others hold and in those of a state's own memory at once. All pairs have one numbering: those of others come first, as they
 * are older, and the memory's own follow. So the merged lists are those of a single memory that had all of them.
 */
import type { Attended, Neighbours } from "../../autodiff/ops/retrieved.ts";
import { note } from "../../autodiff/tape.ts";
import { stepIntegers, stepTensor, stepZeros, type Tensor } from "../../autodiff/tensor.ts";
import { InputError } from "../../base/errors.ts";
import { exp, log } from "../../base/portable-math.ts";
import { heap } from "../../wasm/runtime.ts";
import type { KvMemory } from "../memory.ts";
import { type BestLists, mergeBest } from "./best-lists.ts";
import { attendTo, attendToCopies, mergeParts, type Part, type StoredValues } from "./partial-attention.ts";
import { chosenIn, pick, type Retrieved, retrievedOf } from "./retrieved-lists.ts";

/** The logsumexp of nothing, as the kernel has it: −MOST_FLOAT. */
const MOST_FLOAT = 3.4028234663852886e38;

/** How often a lookup begins anew because somebody left in the middle of it. */
const ATTEMPTS = 3;

/** The pairs of others, as a lookup needs them. */
export interface OtherPairs {
  /** How many there are. */
  readonly length: number;
  /** The number behind that of the newest. */
  readonly end: number;
  /** How many queries one call of `best` may have, and one of `attend`. */
  queriesAtOnce(topk: number): number;
  /** The best pairs of every query [n, H·D] and head: `topk`, or all if there are fewer. With their values, if these are few. */
  best(layer: number, queries: Float32Array, topk: number): BestLists;
  /** What retrieved pairs add up to, in parts; undefined if somebody who had some of them does not answer any more. */
  attend(layer: number, scales: Float32Array, retrieved: Retrieved): readonly Part[] | undefined;
}

/** Queries of one row that are looked up together, and what they found. */
interface Block {
  readonly row: number;
  /** The first of the queries, counted over all rows. */
  readonly from: number;
  /** Lists: queries times heads. */
  readonly lists: number;
  readonly found: BestLists;
  /** Those of them that others have, and some more. */
  readonly theirs: BestLists;
}

export class JointLookup {
  private readonly served: OtherPairs;
  private readonly memory: KvMemory;
  private readonly layer: number;
  private readonly queries: Tensor;
  private readonly topk: number;
  private readonly own: Neighbours;

  /** Looks `queries` [B, T, H·D] up in the memory of `layer`; in the others', `neighbours` does. */
  constructor(served: OtherPairs, memory: KvMemory, layer: number, queries: Tensor, topk: number) {
    this.served = served;
    this.memory = memory;
    this.layer = layer;
    this.queries = queries;
    this.topk = topk;
    this.own = memory.lookup(queries, topk);
  }

  /** As `KvMemory.lookup` returns them. The pairs of others have negative slots. */
  neighbours(reach?: ArrayLike<number>): Neighbours {
    if (reach !== undefined)
      throw new InputError("reach: a memory that others serve is looked up whole, or not at all");
    const { own, served } = this;
    if (served.length === 0) return own;
    const [rows, segment] = this.queries.shape;
    const lists = [rows, segment, this.memory.heads, this.topk];
    const [scores, slots] = [stepZeros(lists), stepIntegers(new Int32Array(own.scores.size))];
    const found = { ...own, scores, slots, counts: new Int32Array(rows) };
    let blocks = this.find(found);
    note("lookup", [scores]);
    const attend = (scale: Tensor, fade: number) => {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const faded = blocks.map((block) => this.faded(block, scale, fade));
        const parts = this.attend(faded, scale);
        if (parts !== undefined) return this.attended(faded, parts, scale);
        blocks = this.find(found);
      }
      throw new InputError(
        "the processes that serve the memory come and go in the midst of a lookup; keep them running",
      );
    };
    return { ...found, attend };
  }

  /** Looks up block by block, and writes what was found into the lists. */
  private find({ scores, slots, counts }: Neighbours): Block[] {
    const { topk, served, memory } = this;
    const blocks = this.blocks();
    for (const row of counts.keys()) {
      const lengths = blocks.filter((block) => block.row === row).map(({ found }) => found.length);
      counts[row] = Math.min(...lengths); // all are equal, unless a shard left or came back between two blocks
    }
    const even = blocks.map((block) => ({ ...block, found: mergeBest([block.found], block.lists, counts[block.row]) }));
    const [atScores, atSlots] = [heap.f32(scores.ptr, scores.size), heap.i32(slots, scores.size)];
    for (const { from, found } of even) {
      for (const [i, pair] of found.pairs.entries()) {
        const at = (from * memory.heads + Math.floor(i / found.length)) * topk + (i % found.length);
        atScores[at] = found.scores[i];
        atSlots[at] = pair < served.end ? pair - served.end : this.slotOf(pair);
      }
    }
    return even;
  }

  /** The lookups of all rows, in pieces that fit into messages. */
  private blocks(): Block[] {
    const { queries, served, memory, topk, layer } = this;
    const [rows, segment, width] = queries.shape;
    const numbers = queries.toArray();
    const most = served.queriesAtOnce(topk);
    const blocks: Block[] = [];
    for (let row = 0; row < rows; row++) {
      for (let from = row * segment, n = 0; from < (row + 1) * segment; from += n) {
        n = Math.min(most, (row + 1) * segment - from);
        const theirs = served.best(layer, numbers.subarray(from * width, (from + n) * width), topk);
        const ours = this.ownLists(row, from, n);
        const lists = n * memory.heads;
        const found = mergeBest([theirs, ours], lists, Math.min(topk, theirs.length + ours.length));
        blocks.push({ row, from, lists, found, theirs });
      }
    }
    return blocks;
  }

  /** What the memory itself found for n queries of a row. */
  private ownLists(row: number, from: number, n: number): BestLists {
    const { own, memory, topk, served } = this;
    const length = own.counts[row];
    const lists = n * memory.heads;
    const [first, numbers] = [from * memory.heads * topk, own.scores.size];
    const [atScores, atSlots] = [heap.f32(own.scores.ptr, numbers), heap.i32(own.slots, numbers)];
    const place = (i: number) => first + Math.floor(i / length) * topk + (i % length);
    return {
      length,
      scores: Float32Array.from({ length: lists * length }, (_, i) => atScores[place(i)]),
      pairs: Float64Array.from(
        { length: lists * length },
        (_, i) => served.end + memory.serial(row, atSlots[place(i)]),
      ),
    };
  }

  /** The slot of a pair of the memory's own. */
  private slotOf(pair: number): number {
    return (pair - this.served.end) % this.memory.capacity;
  }

  /**
   * The block with scores that have lost fade · ln(1 + age) / s, so that the logits s · score lose fade · ln(1 + age). Its lists stay in their order, which
   * need not be a falling one then.
   */
  private faded(block: Block, scale: Tensor, fade: number): Block {
    if (fade === 0) return block;
    const { row, found } = block;
    const newest = this.served.end + this.memory.appended(row) - 1;
    const scales = scale.toArray().map(Math.abs);
    const scores = found.scores.map((score, i) => {
      const s = scales[Math.floor(i / found.length) % scales.length];
      return s === 0 ? score : score - (fade * log(1 + newest - found.pairs[i])) / s;
    });
    return { ...block, found: { ...found, scores } };
  }

  /** Attention of every block; undefined if somebody left before it was complete. */
  private attend(blocks: readonly Block[], scale: Tensor): Part[] | undefined {
    const { served, memory } = this;
    const scales = scale.toArray();
    const parts: Part[] = [];
    for (const { row, lists, found, theirs } of blocks) {
      const retrieved = retrievedOf(found, lists);
      const there = this.attendToTheirs(
        theirs,
        pick(retrieved, (pair) => pair < served.end),
        scale,
      );
      if (there === undefined) return undefined;
      const ours = pick(retrieved, (pair) => pair >= served.end);
      const chosen = chosenIn(ours, (pair) => this.slotOf(pair));
      const here = ours.pairs.length === 0 ? [] : [attendTo(this.valuesOf(row), scale.ptr, chosen)];
      parts.push(mergeParts([...there, ...here], scales, lists, memory.width));
    }
    return parts;
  }

  /** Attention to the pairs of others: here, if their values came with them, and else where they are. */
  private attendToTheirs(
    { values, length }: BestLists,
    retrieved: Retrieved,
    scale: Tensor,
  ): readonly Part[] | undefined {
    if (retrieved.pairs.length === 0) return [];
    if (values === undefined) return this.served.attend(this.layer, scale.toArray(), retrieved);
    return [attendToCopies(values, length, scale, retrieved)];
  }

  private valuesOf(row: number): StoredValues {
    const { values, capacity, float16 } = this.own;
    const { heads, width } = this.memory;
    const rowBytes = heads * capacity * width * (float16 ? 2 : 4);
    return { address: values + row * rowBytes, heads, capacity, width, float16 };
  }

  /** The tensors that retrieved attention returns, from the parts of all blocks. */
  private attended(blocks: readonly Block[], parts: readonly Part[], scale: Tensor): Attended {
    const { own, memory, topk, queries } = this;
    const { heads, width } = memory;
    const scales = scale.toArray().map(Math.abs);
    const [out, weights] = [stepTensor(queries.shape), stepZeros(own.scores.shape)];
    const lse = stepTensor(own.scores.shape.slice(0, 3)).fill(-MOST_FLOAT);
    const [atOut, atWeights, atLse] = [out, weights, lse].map(({ ptr, size }) => heap.f32(ptr, size));
    for (const [i, { from, lists, found }] of blocks.entries()) {
      const { peaks, sums, out: computed } = parts[i];
      atOut.set(computed, from * heads * width);
      for (let list = 0; list < lists; list++) {
        if (sums[list] === 0) continue;
        const s = scales[list % heads];
        atLse[from * heads + list] = s * peaks[list] + log(sums[list]);
        for (let rank = 0; rank < found.length; rank++) {
          const above = found.scores[list * found.length + rank] - peaks[list];
          atWeights[(from * heads + list) * topk + rank] = exp(s * above) / sums[list];
        }
      }
    }
    note("retrievedAttention", [out, lse]);
    return { out, lse, weights };
  }
}
