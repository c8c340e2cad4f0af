/**
 * The process of our own implementations: the library's kernels behind the same pipe as every peer.
 */
import { build } from "../src/wasm/build.ts";
import { useThreads } from "../src/wasm/parallel.ts";
import { families } from "./families.ts";
import { implementationName, serve, threads } from "./serve.ts";

await useThreads(threads);
await serve(`${build} kernels`, (problem) => {
  const family = families.find(({ name }) => name === problem.family);
  return family?.ours[implementationName]?.(problem);
});
