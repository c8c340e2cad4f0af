/**
 * The process of our own implementations: the library's kernels behind the same pipe that every peer answers on.
 */
import { nodeThread } from "../src/platform/worker.ts";
import { useThreads, webThread } from "../src/wasm/parallel.ts";
import { build } from "../src/wasm/runtime.ts";
import { families } from "./families.ts";
import { implementationName, serve, threads } from "./serve.ts";

await useThreads(threads, "Deno" in globalThis ? webThread : nodeThread);
await serve(`${build} kernels`, (problem) => {
  const family = families.find(({ name }) => name === problem.family);
  return family?.ours[implementationName]?.(problem);
});
