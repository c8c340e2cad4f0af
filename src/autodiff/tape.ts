/**
 * The tape: the ops of the running step, in order, each with its backward.
 *
 * The graph is defined by running it: each op computes its result at once and records a named backward. `backward` walks the tape
 * from the end, and every op adds to the gradients of its inputs. Entries keep sizes and times, so a printed tape is the
 * profile of a step (see `tapeTable`). Ops are defined in ops/. A tape ends with its step.
 */
import { aFunction, check } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import type { Address } from "../wasm/heap.ts";
import { kernels } from "../wasm/runtime.ts";
import { arena, gradient, requireTensors, type Tensor, tensor } from "./tensor.ts";

/** One recorded op. Times are in milliseconds. `backward` is missing for work without a gradient, such as a memory lookup. */
export interface TapeEntry {
  /** Name of the op, such as `matmul`. */
  readonly op: string;
  /** Its results. */
  readonly outputs: readonly Tensor[];
  /** The tensors that `backward` gives gradients to. */
  readonly inputs: readonly Tensor[];
  /** Adds to the gradients of `inputs`. */
  readonly backward: (() => void) | undefined;
  /** Time of the forward pass. */
  readonly forwardMs: number;
  /** Time of the backward pass, 0 until it has run. */
  backwardMs: number;
}

/** Thrown when an op produces a number that is not finite; names the first such op. */
export class NotFiniteError extends InputError {
  /** The class of the error, so that its text names it. */
  override readonly name = "NotFiniteError";
}

let running = false;
let recording = true;
let entries: TapeEntry[] = [];
let lastMark = 0;
let walkedBack = false;

/**
 * Runs one step: everything that `body` makes lives until it returns, then the arena and the tape are emptied.
 * Copy results that must outlive the step (`toArray`, `item`) inside `body`. Steps do not nest.
 */
export function step<T>(body: () => T): T {
  check("body", body, aFunction);
  if (running) throw new InputError("step() inside step(): tensors of the outer step would be freed by the inner one");
  running = true;
  lastMark = performance.now();
  try {
    return body();
  } finally {
    running = false;
    walkedBack = false;
    entries = [];
    arena.reset();
  }
}

/** Runs `body` without recording, so that evaluation and generation save no activations. */
export function noGrad<T>(body: () => T): T {
  check("body", body, aFunction);
  const before = recording;
  recording = false;
  try {
    return body();
  } finally {
    recording = before;
  }
}

/** Whether an op with these inputs must keep the values that its backward needs. */
export function needsGrad(...inputs: Tensor[]): boolean {
  return recording && inputs.some((input) => input.requiresGrad);
}

/**
 * Records that `op` computed `output` from `inputs`. `backward` takes the address of output's gradient and adds to
 * the inputs' gradients. It is dropped if no input needs a gradient.
 */
export function record(op: string, output: Tensor, inputs: Tensor[], backward: (dy: Address) => void): Tensor {
  return recordMany(op, [output], inputs, () => backward(gradient(output)))[0];
}

/** Records an op with several outputs; each may or may not have received a gradient (see `Tensor.grad`). */
export function recordMany(op: string, outputs: Tensor[], inputs: Tensor[], backward: () => void): Tensor[] {
  const flows = needsGrad(...inputs);
  for (const output of outputs) output.requiresGrad = flows;
  push(op, outputs, inputs, flows ? backward : undefined);
  return outputs;
}

/** Puts work without a gradient, such as a memory lookup, on the tape, so that the profile is complete. */
export function note(op: string, outputs: Tensor[] = []): void {
  push(op, outputs, [], undefined);
}

function push(
  op: string,
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  backward: (() => void) | undefined,
): void {
  if (!running) throw new InputError(`${op}: tensors are made inside step(), where their memory is reclaimed`);
  const now = performance.now();
  entries.push({ op, outputs, inputs, backward, forwardMs: now - lastMark, backwardMs: 0 });
  lastMark = now;
}

/**
 * Adds Σ seed · dy/dx to the gradient of every tensor x that `y` was computed from. A loss has one element and the seed
 * 1; another output takes a seed of its own size (a vector-Jacobian product). Call it once per step: a second walk would
 * count again the intermediate gradients of the first one. An output that depends on no tensor with gradients adds to none: offsets that learn
 * alone have nothing to learn as long as nothing is remembered.
 */
export function backward(y: Tensor, seed: ArrayLike<number> = [1]): void {
  requireTensors({ y });
  if (walkedBack) {
    throw new InputError("backward() was already called in this step; sum the losses, or take a step for each");
  }
  if (!entries.some(({ outputs }) => outputs.includes(y))) {
    throw new InputError(`backward: no op of this step made the tensor of shape [${y.shape}]`);
  }
  y.grad = tensor(seed, y.shape);
  walkedBack = true;
  for (let i = entries.length - 1; i >= 0; i--) {
    const entry = entries[i];
    if (entry.backward === undefined || entry.outputs.every((output) => output.grad === undefined)) continue;
    const start = performance.now();
    entry.backward();
    entry.backwardMs = performance.now() - start;
  }
}

/** Returns the entries of the running step so far, oldest first. */
export function tape(): readonly TapeEntry[] {
  return entries;
}

/**
 * Finds the source of a NaN or an infinity: the first op on the tape whose output holds one, or else the first op in
 * backward order that made a gradient with one. Throws NotFiniteError; returns if all numbers are finite.
 */
export function assertFiniteTape(): void {
  for (const { op, outputs } of entries) {
    if (!outputs.every(isFiniteTensor))
      throw new NotFiniteError(`the output of ${op} is not finite (${shapes(outputs)})`);
  }
  for (const { op, outputs, inputs } of entries.toReversed()) {
    if (!outputs.every(hasFiniteGradient))
      throw new NotFiniteError(`the gradient that reached ${op} is not finite (${shapes(outputs)})`);
    const spoilt = inputs.find((input) => !hasFiniteGradient(input));
    if (spoilt !== undefined)
      throw new NotFiniteError(
        `the backward of ${usersOf(spoilt)} made a gradient that is not finite ([${spoilt.shape}])`,
      );
  }
}

/** Names the ops that take a tensor and so add to its gradient: `linear`, `embedding or linear`. */
function usersOf(tensor: Tensor): string {
  const users = entries.filter(({ inputs, backward }) => backward !== undefined && inputs.includes(tensor));
  return [...new Set(users.map(({ op }) => op))].join(" or ");
}

function hasFiniteGradient({ grad }: Tensor): boolean {
  return grad === undefined || isFiniteTensor(grad);
}

function isFiniteTensor(x: Tensor): boolean {
  return Boolean(kernels.all_finite(x.ptr, x.size));
}

function shapes(outputs: readonly Tensor[]): string {
  return outputs.map((output) => `[${output.shape}]`).join(" ");
}

/** Formats the tape as a table, one line per op: name, shapes, bytes of the outputs, milliseconds forward and backward. */
export function tapeTable(): string {
  const rows = entries.map(({ op, outputs, forwardMs, backwardMs }) => [
    op,
    shapes(outputs),
    String(outputs.reduce((sum, output) => sum + output.size * 4, 0)),
    forwardMs.toFixed(3),
    backwardMs.toFixed(3),
  ]);
  const table = [["op", "shape", "bytes", "forward ms", "backward ms"], ...rows];
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  const line = (row: string[]) =>
    row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  ");
  return table.map(line).join("\n");
}
