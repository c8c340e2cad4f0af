/**
 * Picks the kernel binary that this engine can run and instantiates it over a memory. The one file that knows the
 * AssemblyScript loader; what it returns is the raw export table, since the loader's wrapped exports cost two to three
 * times as much per call. It allocates nothing.
 */
import { instantiate } from "@assemblyscript/loader";
import { binaries, type Kernels } from "./kernels.generated.ts";

/** The builds of one source: `relaxed` has fused multiply-add, `plain` runs on every engine with SIMD. */
export type KernelBuild = "plain" | "relaxed";

/** WebAssembly memories grow up to this many pages of 64 KiB: 4 GiB. */
const MOST_PAGES = 65536;
const FIRST_PAGES = 16;

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** The fastest build that this engine validates: relaxed SIMD is missing from Node 20. */
export function bestBuild(): KernelBuild {
  return WebAssembly.validate(decodeBase64(binaries.relaxed)) ? "relaxed" : "plain";
}

/** Whether threads can share a memory here: in Node and Deno always, in a browser when the page is cross-origin isolated. */
export function canShare(): boolean {
  return typeof SharedArrayBuffer === "function";
}

/** An empty memory that grows up to 4 GiB; shared, if threads are to work on it. */
export function newMemory(shared: boolean): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: FIRST_PAGES, maximum: MOST_PAGES, shared });
}

/** Compiles one build, for memories that are shared or for those that are not. */
export function compileKernels(build: KernelBuild, shared: boolean): Promise<WebAssembly.Module> {
  return WebAssembly.compile(decodeBase64(binaries[shared ? (`${build}-shared` as const) : build]));
}

/** Instantiates compiled kernels over `memory`. Every thread has an instance of its own over the same memory. */
export async function instantiateKernels(module: WebAssembly.Module, memory: WebAssembly.Memory): Promise<Kernels> {
  const { instance } = await instantiate(module, { env: { memory } });
  return instance.exports as unknown as Kernels;
}
