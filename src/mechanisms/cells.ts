/**
 * Cells: pairs that stand for finished blocks of a document. A layer keeps the newest ones of earlier segments in front, and those of the
 * current segment behind them. Linformer, the H-Transformer, the Combiner and the Compressive Transformer differ in how they make cells and
 * in which of them a query sees.
 */
import type { Attended } from "../autodiff/ops/attention.ts";
import { intervalAttention } from "../autodiff/ops/interval-attention.ts";
import type { Tensor } from "../autodiff/tensor.ts";
import { kernels } from "../wasm/runtime.ts";
import type { MechanismLayer, MechanismSizes } from "./mechanism.ts";

/** A kind of cells of a layer. */
export interface CellKind {
  /** Names it among what the layer carries. */
  readonly name: string;
  /** Cells of earlier segments that are kept. */
  readonly kept: number;
  /** Cells that a segment adds. */
  readonly added: number;
}

/** Keys and values, [B, n, H·D]. */
export interface Pairs {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** Shapes of one row of what a layer carries for cells of this kind. */
export function carriedCells(
  { num_attention_heads: heads, head_dim }: MechanismSizes,
  { name, kept, added }: CellKind,
) {
  const shape = [kept + added, heads * head_dim];
  return { [`${name}Keys`]: shape, [`${name}Values`]: shape };
}

function pairsOf(layer: MechanismLayer, { name }: CellKind): Pairs {
  return { keys: layer.carried(`${name}Keys`), values: layer.carried(`${name}Values`) };
}

/** Writes new cells behind the `done` ones that this segment has made before. */
export function appendCells(layer: MechanismLayer, kind: CellKind, done: number, fresh: Pairs): void {
  const { keys, values } = pairsOf(layer, kind);
  for (const [to, from] of [
    [keys, fresh.keys],
    [values, fresh.values],
  ]) {
    const [rows, count, channels] = from.shape;
    for (let row = 0; row < rows; row++) {
      const at = (row * (kind.kept + kind.added) + kind.kept + done) * channels * 4;
      kernels.move(to.ptr + at, from.ptr + row * count * channels * 4, count * channels * 4);
    }
  }
}

/**
 * Attends to the kept cells, the `done` ones of this segment and the `fresh` ones of this pass, which get gradients. `seen` says for each
 * row and token from which cell to before which it sees, counted from the first cell of this segment; negative ones are of earlier segments.
 * `earlier`: how many cells a row's document had before this segment.
 */
export function attendToCells(
  q: Tensor,
  scale: Tensor,
  layer: MechanismLayer,
  kind: CellKind,
  cells: { readonly done: number; readonly fresh: Pairs; readonly earlier: (row: number) => number },
  seen: (row: number, token: number) => readonly [from: number, to: number],
): Attended {
  const { kept } = kind;
  const { done, fresh, earlier } = cells;
  const [rows, tokens] = q.shape;
  const ends = new Int32Array(2 * rows * tokens);
  for (let row = 0; row < rows; row++) {
    for (let token = 0; token < tokens; token++) {
      const [from, to] = seen(row, token);
      ends.set([Math.max(0, kept + from), Math.max(0, kept + to)], 2 * (row * tokens + token));
    }
  }
  const first = Int32Array.from({ length: rows }, (_, row) => Math.max(0, kept - earlier(row)));
  const before = { ...pairsOf(layer, kind), past: kept + done, first, seen: ends };
  return intervalAttention(q, fresh.keys, fresh.values, scale, before);
}

/** The segment is complete, or has made `count` cells so far: the newest cells move to the front. */
export function rollCells(layer: MechanismLayer, kind: CellKind, count = kind.added): void {
  const { kept, added } = kind;
  const { keys, values } = pairsOf(layer, kind);
  for (const { ptr, shape } of [keys, values]) {
    const bytes = shape[2] * 4;
    for (let row = 0; row < layer.rows; row++) {
      const at = ptr + row * (kept + added) * bytes;
      kernels.move(at, at + count * bytes, kept * bytes);
    }
  }
}
