/**
 * Buffers on the library's heap, and ops of the library as tasks, for our own implementations.
 */
import { noGrad, step } from "../src/autodiff/tape.ts";
import { type PersistentTensor, persistentTensor, type Tensor } from "../src/autodiff/tensor.ts";
import type { Releasable } from "../src/base/lifetime.ts";
import { parallelElements } from "../src/wasm/parallel.ts";
import { heap } from "../src/wasm/runtime.ts";
import type { Task } from "./family.ts";

/** The buffers of one task, freed together. */
export class Buffers {
  private readonly addresses: number[] = [];

  /** Returns the address of a new block that holds `values`. */
  copyOf(values: Float32Array): number {
    const address = this.zeros(values.length);
    heap.f32(address, values.length).set(values);
    return address;
  }

  /** Returns the address of a new block of `length` float zeros, written at once because the first touch of a page is slow. */
  zeros(length: number): number {
    const address = heap.allocate(4 * length);
    this.addresses.push(address);
    heap.f32(address, length).fill(0);
    return address;
  }

  release(): void {
    for (const address of this.addresses.splice(0)) heap.release(address);
  }
}

/** Returns a tensor that outlives steps and holds `values`. */
export function constantTensor(values: Float32Array, shape: readonly number[]): PersistentTensor {
  return persistentTensor(shape).set(values);
}

/** Returns the forward pass of an op, without a tape, as a task. `inputs` are released with it. */
export function forwardTask(inputs: readonly PersistentTensor[], op: () => Tensor): Task {
  return {
    run: () => step(() => void noGrad(op)),
    output: () => step(() => noGrad(op).toArray()),
    release: () => releaseAll(inputs),
  };
}

/** Sets gradients to 0 as a trainer does: filling shared memory from JavaScript takes several times as long. */
export function zeroGradients(parameters: readonly Tensor[]): void {
  for (const { grad } of parameters) if (grad) parallelElements("zero", grad.size, grad.ptr);
}

export function releaseAll(owners: readonly Releasable[]): void {
  for (const owner of owners) owner.release();
}
