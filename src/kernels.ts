/** The kernels alone, for whoever wants no library around them: their binaries, and what they are called. */
export type { KernelBuild } from "./wasm/build.ts";
export { kernelBytes } from "./wasm/load.ts";
