/**
 * Query heads that share a kv head, as queries of that head: what searches and retrieved attention work on. Only some kv heads of a
 * layer may be wanted.
 */
import { type HeadOrder, selectHeads } from "../autodiff/ops/heads.ts";
import type { Tensor } from "../autodiff/tensor.ts";

/** The logsumexp of a head that retrieved nothing: far below any other, and still finite. */
const NOTHING = -1e30;

/** S of KV kv heads, each with its G query heads. */
export class KeyHeads {
  /** S, their number. */
  readonly count: number;
  /** The query heads in the order of `gather`, [G·S]. */
  readonly queryHeads: readonly number[];
  private readonly group: number;
  private readonly width: number;
  /** Heads of H, taken as [G, S]; and the way back. */
  private readonly taken: HeadOrder;
  private readonly back: HeadOrder;

  /** `chosen`: numbers of kv heads, out of `keyHeads`, which H = `heads` query heads of `width` share. */
  constructor(heads: number, keyHeads: number, width: number, chosen: readonly number[]) {
    this.count = chosen.length;
    this.group = heads / keyHeads;
    this.width = width;
    const { group, count } = this;
    const order = Int32Array.from(
      { length: group * count },
      (_, i) => chosen[i % count] * group + Math.floor(i / count),
    );
    const inverse = Int32Array.from({ length: heads }, (_, head) => order.indexOf(head));
    this.queryHeads = Array.from(order);
    this.taken = { width, heads, order };
    this.back = { width, heads: order.length, order: inverse };
  }

  /** q [B, T, H·D] → [B, T·G, S·D]. */
  gather(q: Tensor): Tensor {
    const [rows, segment] = q.shape;
    return selectHeads(q, this.taken, [rows, segment * this.group, this.count * this.width]);
  }

  /** out [B, T·G, S·D] → [B, T, H·D]; 0 for heads that were not chosen. */
  scatter(out: Tensor): Tensor {
    const [rows, queries] = out.shape;
    return selectHeads(out, this.back, [rows, queries / this.group, this.back.order.length * this.width]);
  }

  /** lse [B, T·G, S] → [B, T, H]; nothing for heads that were not chosen. */
  scatterLse(lse: Tensor): Tensor {
    const [rows, queries] = lse.shape;
    const order = { ...this.back, width: 1, missing: NOTHING };
    return selectHeads(lse, order, [rows, queries / this.group, this.back.order.length]);
  }
}
