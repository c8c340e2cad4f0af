/**
 * Picks the kernel binary that this machine can run and instantiates it over a memory. The one file that knows the
 * AssemblyScript loader; what it returns is the raw export table, since the loader's wrapped exports cost two to three
 * times as much per call. It allocates nothing.
 */
import { instantiate } from "@assemblyscript/loader";
import { binaries, type Kernels } from "./kernels.generated.ts";

/** The builds of one source: `relaxed` has fused multiply-add, `plain` runs on every engine with SIMD. */
export type KernelBuild = keyof typeof binaries;

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

/** Instantiates one build of the kernels over `memory`. */
export async function loadKernels(build: KernelBuild, memory: WebAssembly.Memory): Promise<Kernels> {
  const { instance } = await instantiate(decodeBase64(binaries[build]), { env: { memory } });
  return instance.exports as unknown as Kernels;
}
