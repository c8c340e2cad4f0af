/** The kernels without the library: their binaries and their names. */
export type { KernelBuild } from "./wasm/build.ts";
export { kernelBytes } from "./wasm/load.ts";
