/**
 * The kernel binaries, and their instantiation over a memory. This is the only file that uses the AssemblyScript loader. It
 * returns the raw export table, because the loader's wrapped exports cost two to three times as much per call.
 */
import { instantiateSync } from "@assemblyscript/loader";
import type { KernelBuild } from "./build.ts";
import { OutOfMemoryError } from "./heap.ts";
import type { Kernels } from "./kernels.generated.ts";
import { plain } from "./plain.generated.ts";
import { relaxed } from "./relaxed.generated.ts";

/** WebAssembly memories grow up to this many pages of 64 KiB: 4 GiB. */
const MOST_PAGES = 65536;
const FIRST_PAGES = 16;

/** How a binary imports its memory: module "env", name "memory", kind 2, and the first byte of its limits. */
const MEMORY_IMPORT = { unshared: "\x03env\x06memory\x02\x01", shared: "\x03env\x06memory\x02\x03" };

/**
 * Returns the binary of a build, for a memory that threads share or for one that they do not. The two differ in one bit of the
 * memory's import.
 */
export function kernelBytes(build: KernelBuild, shared = false): Uint8Array<ArrayBuffer> {
  const binary = atob(build === "relaxed" ? relaxed() : plain());
  const text = shared ? binary.replace(MEMORY_IMPORT.unshared, MEMORY_IMPORT.shared) : binary;
  // A plain loop: Uint8Array.from would walk through the text by an iterator, five times as long while no engine has compiled it.
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Whether threads can share a memory: always in Node, Deno and Bun; in a browser if the page is cross-origin isolated. */
export function canShare(): boolean {
  const { crossOriginIsolated } = globalThis as { readonly crossOriginIsolated?: boolean };
  return typeof SharedArrayBuffer === "function" && crossOriginIsolated !== false;
}

/**
 * Returns an empty memory that can grow to 4 GiB; `shared`, if threads work on it.
 * @throws OutOfMemoryError if the system refuses the addresses that the engine reserves for it
 */
export function newMemory(shared: boolean): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: FIRST_PAGES, maximum: MOST_PAGES, shared });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const most = "up to 10 GiB, most of it never used";
    throw new OutOfMemoryError(
      `the system refuses the addresses that a WebAssembly memory reserves (${most}); raise the limit (ulimit -v)`,
    );
  }
}

/** Instantiates compiled kernels over `memory`. Every thread has its own instance over the same memory. */
export function instantiateKernels(module: WebAssembly.Module, memory: WebAssembly.Memory): Kernels {
  const { instance } = instantiateSync(module, { env: { memory } });
  return instance.exports as unknown as Kernels;
}
