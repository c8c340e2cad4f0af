/**
 * The one memory, the one table of kernels and the one heap of this JavaScript thread, ready when the import is.
 *
 * Everything above works on these three. Set `MEMORIZING_KERNELS=plain` in the environment to have the same bits on every
 * engine: the relaxed build rounds multiply-adds once instead of twice.
 */
import { Heap } from "./heap.ts";
import { bestBuild, type KernelBuild, loadKernels } from "./load.ts";

function requestedBuild(): KernelBuild {
  const environment = (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env;
  return environment?.MEMORIZING_KERNELS === "plain" ? "plain" : bestBuild();
}

export const memory = new WebAssembly.Memory({ initial: 16, maximum: 65536 });

/** Which build of the kernels runs: `plain` or `relaxed`. */
export const build = requestedBuild();

export const kernels = await loadKernels(build, memory);

export const heap = new Heap(memory, kernels.heap_base());
