/** The choice of the build of the kernels, which has to be made before the engine is loaded. */

/**
 * A worker called `plain` computes with the bits of Node 20, whatever the browser can do. The engine takes the word from the
 * environment, which a browser lacks.
 */
export function chooseKernels(name: string): void {
  if (name === "plain") Object.assign(globalThis, { process: { env: { MEMORIZING_KERNELS: "plain" } } });
}
