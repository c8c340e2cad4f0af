/**
 * A layer of LSTM over a segment: the tokens come one after the other, in one kernel. Its gradient ends where the segment begins, which is
 * truncated back-propagation through time (Williams & Peng 1990). The arithmetic is in assembly/ops/lstm.ts.
 */
import { InputError } from "../../base/errors.ts";
import { parallelElements, parallelWithScratch } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import { record } from "../tape.ts";
import { gradientTarget, stepTensor, type Tensor } from "../tensor.ts";
import { addWeightGradient } from "./matmul.ts";

/** The state of each row before the tokens and after them, all [B, C]. Those after are overwritten; no gradient reaches any. */
export interface LstmState {
  /** h before the first token. */
  readonly hidden: Tensor;
  /** c before the first token. */
  readonly cell: Tensor;
  /** h after the last token. */
  readonly nextHidden: Tensor;
  /** c after the last token. */
  readonly nextCell: Tensor;
}

/**
 * z_t = x_t + h_{t−1} Uᵀ, [i f g o] = [σ σ tanh σ](z_t), c_t = f c_{t−1} + i g, h_t = o tanh(c_t); `forgetBias` is added to f's part
 * of z. x [B, T, 4C], u [4C, C] → h [B, T, C].
 * @throws InputError if shapes do not fit
 */
export function lstm(x: Tensor, u: Tensor, state: LstmState, forgetBias = 0): Tensor {
  const { hidden, cell, nextHidden, nextCell } = state;
  const [rows, segment] = x.shape;
  const width = u.shape[1];
  requireShapes(x, u, state);
  const [out, tanhs, previous, cells] = Array.from({ length: 4 }, () => stepTensor([rows, segment, width]));
  const gates = stepTensor(x.shape);
  const [units, scratchBytes] = [kernels.lstm_units(rows), kernels.lstm_scratch_bytes(width)];
  const kept = [gates.ptr, tanhs.ptr, previous.ptr, cells.ptr] as const;
  const states = [hidden.ptr, cell.ptr] as const;
  const shape = [rows, segment, width] as const;
  parallelWithScratch(
    "lstm_forward",
    units,
    scratchBytes,
    out.ptr,
    ...kept,
    nextHidden.ptr,
    nextCell.ptr,
    x.ptr,
    u.ptr,
    ...states,
    forgetBias,
    ...shape,
  );
  return record("lstm", out, [x, u], (dout) => {
    const dz = stepTensor(x.shape);
    const operands = [gates.ptr, tanhs.ptr, cells.ptr, u.ptr] as const;
    parallelWithScratch("lstm_backward", units, scratchBytes, dz.ptr, dout, ...operands, ...shape);
    if (x.requiresGrad) {
      const [dx, adds] = gradientTarget(x);
      parallelElements(adds ? "add_in_place" : "copy", x.size, dx, dz.ptr);
    }
    if (u.requiresGrad) addWeightGradient(u, dz.ptr, previous.ptr, rows * segment);
  });
}

function requireShapes(x: Tensor, u: Tensor, state: LstmState): void {
  const [rows, segment] = x.shape;
  const [wide, width] = u.shape;
  const states = [state.hidden, state.cell, state.nextHidden, state.nextCell];
  const fits = states.every(({ shape }) => shape.join() === [rows, width].join());
  if (fits && wide === 4 * width && x.shape.join() === [rows, segment, wide].join() && segment > 0) return;
  const shapes = states.map(({ shape }) => `[${shape}]`).join(", ");
  throw new InputError(
    `lstm: x [${x.shape}], u [${u.shape}] and states ${shapes} do not fit; they must be [B, T, 4C], [4C, C] and [B, C]`,
  );
}
