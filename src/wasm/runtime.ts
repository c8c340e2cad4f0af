/**
 * The one memory, the one table of kernels and the one heap of this program, loaded when the first of them is used.
 *
 * Everything above works on these. Each is a binding: until then to something that loads them when it is touched, from then
 * on to the thing itself, so a call costs what a call costs. Threads join in parallel.ts.
 */
import { build, requireWebAssembly } from "./build.ts";
import { Heap } from "./heap.ts";
import type { Kernels } from "./kernels.generated.ts";
import { canShare, instantiateKernels, kernelBytes, newMemory } from "./load.ts";

/** The compiled kernels, as threads need them; undefined until they are loaded. */
export let module: WebAssembly.Module | undefined;

/** The memory of all tensors. */
export let memory: WebAssembly.Memory = untilLoaded(() => memory);

/** Every kernel of the build that runs. */
export let kernels: Kernels = untilLoaded(() => kernels);

/** The allocator of `memory`. */
export let heap: Heap = untilLoaded(() => heap);

/**
 * Loads the kernels, if they are not loaded yet, without holding up a page. Nobody has to call this: what uses kernels first
 * loads them, in some milliseconds.
 * @throws InputError if the engine cannot run them, OutOfMemoryError if it cannot have a memory
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
  memory = room;
  kernels = table;
  heap = new Heap(room, table.heap_base());
}

/** Stands for what `thing` returns once the kernels are loaded; the first touch loads them. */
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
