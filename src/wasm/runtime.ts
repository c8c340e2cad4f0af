/**
 * WebAssembly's one memory, the one table of kernels, the one heap and the one scratch space of this program, loaded when the first
 * of them is used.
 *
 * All other files work on these. Before loading, each binding is a proxy that loads them when it is touched. After loading it is
 * the thing itself, so calls cost nothing extra. Threads join in parallel.ts.
 */
import { build, requireWebAssembly } from "./build.ts";
import { type Address, Heap } from "./heap.ts";
import type { Kernels } from "./kernels.generated.ts";
import { canShare, instantiateKernels, kernelBytes, newMemory } from "./load.ts";

/** The compiled kernels, for threads; undefined until they are loaded. */
export let module: WebAssembly.Module | undefined;

/** WebAssembly's memory, in which all tensors live. */
export let wasmMemory: WebAssembly.Memory = untilLoaded(() => wasmMemory);

/** All kernels, of the build that runs. */
export let kernels: Kernels = untilLoaded(() => kernels);

/** The allocator of blocks in `wasmMemory`. */
export let heap: Heap = untilLoaded(() => heap);

/**
 * Loads the kernels, if they are not loaded yet, without blocking a page. Calling it is optional: the first use of a kernel
 * loads them, in a few milliseconds.
 * @throws InputError if the engine cannot run them, OutOfMemoryError if it cannot reserve a memory
 */
export async function ready(): Promise<void> {
  if (module !== undefined) return;
  requireWebAssembly();
  const compiled = await WebAssembly.compile(kernelBytes(build, canShare()));
  if (module === undefined) link(compiled);
}

function link(compiled: WebAssembly.Module): void {
  const room = newMemory(canShare());
  const table = instantiateKernels(compiled, room);
  module = compiled;
  wasmMemory = room;
  kernels = table;
  heap = new Heap(room, table.heap_base());
}

/** A stand-in for what `thing` returns once the kernels are loaded; the first access loads them. */
function untilLoaded<T extends object>(thing: () => T): T {
  const loaded = () => {
    if (module === undefined) {
      requireWebAssembly();
      link(new WebAssembly.Module(kernelBytes(build, canShare())));
    }
    return thing();
  };
  return new Proxy({} as T, {
    get(_, key) {
      const owner = loaded();
      const value: unknown = Reflect.get(owner, key);
      return typeof value === "function" ? value.bind(owner) : value;
    },
    set: (_, key, value) => Reflect.set(loaded(), key, value),
  });
}

let scratchAddress: Address = 0;
let scratchBytes = 0;

/**
 * Returns the address of at least `least` bytes of scratch space for kernels, contents undefined and valid only during a kernel call.
 * It is one buffer that only grows. Throws OutOfMemoryError and then keeps the old buffer.
 */
export function scratch(least: number): Address {
  if (least > scratchBytes) {
    const larger = heap.allocate(least);
    if (scratchBytes > 0) heap.release(scratchAddress);
    scratchAddress = larger;
    scratchBytes = least;
  }
  return scratchAddress;
}
