/**
 * The one memory, the one table of kernels and the one heap of this program, ready when the import is.
 *
 * Everything above works on these. Set `MEMORIZING_KERNELS=plain` in the environment to have the same bits on every engine:
 * the relaxed build rounds multiply-adds once instead of twice. Threads join in parallel.ts.
 */
import { Heap } from "./heap.ts";
import { bestBuild, canShare, compileKernels, instantiateKernels, type KernelBuild, newMemory } from "./load.ts";

function requestedBuild(): KernelBuild {
  const environment = (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env;
  return environment?.MEMORIZING_KERNELS === "plain" ? "plain" : bestBuild();
}

/** Which build of the kernels runs: `plain` or `relaxed`. */
export const build = requestedBuild();

export const memory = newMemory(canShare());

export const module = await compileKernels(build, canShare());

export const kernels = await instantiateKernels(module, memory);

export const heap = new Heap(memory, kernels.heap_base());
