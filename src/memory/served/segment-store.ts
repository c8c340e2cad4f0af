/** The pairs of a segment in one layer, which never change, with a search over them. */
import { stepIntegers, stepZeros, type Tensor } from "../../autodiff/tensor.ts";
import { allOrNothing, Lifetime, type Releasable } from "../../base/lifetime.ts";
import { asFloats } from "../../wasm/half.ts";
import type { Address } from "../../wasm/heap.ts";
import { heap } from "../../wasm/runtime.ts";
import { memoryBytes } from "../bytes.ts";
import type { MemoryContents, MemoryDtype, MemoryShape } from "../options.ts";
import { Ring } from "../ring.ts";
import type { KeyIndex } from "../search/exact.ts";
import { quantisedIndex } from "../search/quantised.ts";
import type { BestLists } from "./best-lists.ts";
import { attendTo, type Part } from "./partial-attention.ts";
import type { ChosenPairs } from "./retrieved-lists.ts";

/** Bytes of the heap that a store of `contents` takes. */
export function storeBytes(contents: MemoryContents, heads: number, width: number): number {
  return memoryBytes(shapeOf(contents, heads, width), { kind: "quantised", dtype: dtypeOf(contents) });
}

function shapeOf({ keys }: MemoryContents, heads: number, width: number): MemoryShape {
  return { rows: 1, heads, width, size: keys.length / heads / width, segment: 0 };
}

function dtypeOf({ keys }: MemoryContents): MemoryDtype {
  return keys instanceof Uint16Array ? "float16" : "float32";
}

export class SegmentStore implements Releasable {
  private readonly ring: Ring;
  private readonly index: KeyIndex;
  private readonly life = new Lifetime("this segment");

  /** Copies `contents`, [H, pairs, D]. */
  constructor(contents: MemoryContents, heads: number, width: number) {
    const shape = shapeOf(contents, heads, width);
    const { size } = shape;
    [this.ring, this.index] = allOrNothing((own) => {
      const ring = own(new Ring(shape, dtypeOf(contents)));
      const index = own(quantisedIndex(ring));
      ring.copyIn(0, size, contents.keys, contents.values); // pair n is in slot n
      index.appended(0, size);
      return [ring, index];
    });
  }

  /**
   * The best pairs for queries [1, n, H·D], at most `topk`, with their values if these are asked for. The numbers of the pairs begin at `first`.
   * Call it in a step.
   */
  best(queries: Tensor, topk: number, first: number, withValues: boolean): BestLists {
    const { heads } = this.ring;
    const lists = queries.shape[1] * heads;
    const length = Math.min(topk, this.ring.length(0));
    const [scores, slots] = [stepZeros([lists, length]), stepIntegers(new Int32Array(lists * length))];
    this.index.search({ scores: scores.ptr, slots, queries, topk: length });
    const found = heap.i32(slots, lists * length);
    const pairs = Float64Array.from(found, (slot) => first + slot);
    const values = withValues ? this.valuesAt(found.slice(), length) : undefined;
    return { length, scores: scores.toArray(), pairs, values };
  }

  /** Copies the values of slots [n, H, length], as floats. */
  private valuesAt(slots: Int32Array, length: number): Float32Array {
    const { values: address, heads, capacity, width, float16 } = this.ring;
    const ring = float16 ? heap.u16(address, heads * capacity * width) : heap.f32(address, heads * capacity * width);
    const copied = float16 ? new Uint16Array(slots.length * width) : new Float32Array(slots.length * width);
    for (const [i, slot] of slots.entries()) {
      const at = (Math.floor(i / length) % heads) * capacity + slot;
      copied.set(ring.subarray(at * width, (at + 1) * width), i * width);
    }
    return asFloats(copied);
  }

  /** Attention to chosen pairs. `scales` is the address of s, [H]. Call it in a step. */
  attend(scales: Address, chosen: ChosenPairs): Part {
    const { values: address, heads, capacity, width, float16 } = this.ring;
    return attendTo({ address, heads, capacity, width, float16 }, scales, chosen);
  }

  release(): void {
    this.life.end(() => {
      this.ring.release();
      this.index.release();
    });
  }
}
