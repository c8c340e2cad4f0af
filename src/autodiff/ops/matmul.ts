/**
 * Matrix products: a plain, batched product for studying the engine, and the linear layer, which adds a bias where a model has
 * one; the paper's has none. Transposes cost nothing, because the kernel takes strides.
 */
import { InputError } from "../../base/errors.ts";
import type { Address } from "../../wasm/heap.ts";
import { parallel, parallelWithScratch } from "../../wasm/parallel.ts";
import { kernels } from "../../wasm/runtime.ts";
import { record } from "../tape.ts";
import { gradient, gradientTarget, requireMatrix, requireTensors, sizeOf, stepTensor, type Tensor } from "../tensor.ts";

/** A matrix operand as the kernel sees it: rows × columns with a stride for each. */
interface Operand {
  ptr: Address;
  rowStride: number;
  columnStride: number;
}

function operand(ptr: Address, columns: number): Operand {
  return { ptr, rowStride: columns, columnStride: 1 };
}

function transposed({ ptr, rowStride, columnStride }: Operand): Operand {
  return { ptr, rowStride: columnStride, columnStride: rowStride };
}

/** C[m, n] (+)= A[m, k] · B[k, n]. */
function multiply(c: Address, a: Operand, b: Operand, m: number, n: number, k: number, accumulate: boolean): void {
  const [left, right] = [[a.ptr, a.rowStride, a.columnStride] as const, [b.ptr, b.rowStride, b.columnStride] as const];
  const [units, scratchBytes] = [kernels.matmul_units(m, n), kernels.matmul_scratch_bytes()];
  parallelWithScratch("matmul", units, scratchBytes, c, n, ...left, ...right, m, n, k, accumulate);
}

/**
 * C = A · B over the last two axes: a [..., m, k], b [..., k, n] → [..., m, n]; the leading axes must be equal.
 * Backward: dA = dC · Bᵀ, dB = Aᵀ · dC.
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  requireTensors({ a, b });
  const batch = a.shape.slice(0, -2);
  const [m, k] = a.shape.slice(-2);
  const [depth, n] = b.shape.slice(-2);
  if (k === undefined || n === undefined || k !== depth || batch.join() !== b.shape.slice(0, -2).join()) {
    throw new InputError(`matmul: [${a.shape}] · [${b.shape}] do not fit; wanted [..., m, k] · [..., k, n]`);
  }
  const c = stepTensor([...batch, m, n]);
  const each = (body: (a: number, b: number, c: number) => void) => {
    const batches = batch.reduce((product, extent) => product * extent, 1);
    for (let i = 0; i < batches; i++) body(i * m * k * 4, i * k * n * 4, i * m * n * 4);
  };
  each((atA, atB, atC) => multiply(c.ptr + atC, operand(a.ptr + atA, k), operand(b.ptr + atB, n), m, n, k, false));
  return record("matmul", c, [a, b], (dc) => {
    if (a.requiresGrad) {
      const [da, adds] = gradientTarget(a);
      each((atA, atB, atC) => {
        multiply(da + atA, operand(dc + atC, n), transposed(operand(b.ptr + atB, n)), m, k, n, adds);
      });
    }
    if (b.requiresGrad) {
      const [db, adds] = gradientTarget(b);
      each((atA, atB, atC) => {
        multiply(db + atB, transposed(operand(a.ptr + atA, k)), operand(dc + atC, n), k, n, m, adds);
      });
    }
  });
}

/**
 * y = x · Wᵀ + bias. x [..., in], weight [out, in], bias [out] (default: none) → [..., out].
 * Backward: dx = dy · W, dW = dyᵀ · x, dbias = Σ_rows dy.
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  requireTensors({ x });
  requireMatrix("weight", weight);
  const [outputs, inputs] = weight.shape;
  if (x.shape[x.shape.length - 1] !== inputs) {
    throw new InputError(
      `linear: x [${x.shape}] does not fit a weight [${weight.shape}]; its last axis must be ${inputs}`,
    );
  }
  if (bias !== undefined) requireBias(bias, weight);
  const rows = sizeOf(x.shape.slice(0, -1)); // [..., in] → [N, in]
  const y = stepTensor([...x.shape.slice(0, -1), outputs]);
  multiply(y.ptr, operand(x.ptr, inputs), transposed(operand(weight.ptr, inputs)), rows, outputs, inputs, false);
  if (bias !== undefined) parallel("add_to_rows", rows, y.ptr, bias.ptr, outputs);
  return record("linear", y, bias === undefined ? [x, weight] : [x, weight, bias], (dy) => {
    if (x.requiresGrad) {
      const [dx, adds] = gradientTarget(x);
      multiply(dx, operand(dy, outputs), operand(weight.ptr, inputs), rows, inputs, outputs, adds);
    }
    if (weight.requiresGrad) addWeightGradient(weight, dy, x.ptr, rows);
    if (bias?.requiresGrad) parallel("add_rows", outputs, gradient(bias), dy, rows, outputs);
  });
}

/** dW += dyᵀ · x, for a weight [out, in] and `rows` rows of dy [rows, out] and x [rows, in]. */
export function addWeightGradient(weight: Tensor, dy: Address, x: Address, rows: number): void {
  const [outputs, inputs] = weight.shape;
  const [dWeight, adds] = gradientTarget(weight);
  multiply(dWeight, transposed(operand(dy, outputs)), operand(x, inputs), outputs, inputs, rows, adds);
}

/** @throws InputError if `bias` is not a vector with one number for each row of `weight` */
function requireBias(bias: Tensor, weight: Tensor): void {
  requireTensors({ bias });
  if (bias.shape.join() === String(weight.shape[0])) return;
  throw new InputError(`linear: a weight [${weight.shape}] needs a bias [${weight.shape[0]}], not [${bias.shape}]`);
}
