/**
 * Bundles the command line into dist/src/bundle, so that a command is eight to fifty files instead of three hundred: loading a file of a
 * module costs about a millisecond, however short it is. Needs the build of the library. What the package depends on and the kernels
 * stay where they are, so nothing of them is shipped twice.
 *
 *   node bundle.mjs
 */
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL(".", import.meta.url));
const outdir = "dist/src/bundle";

/** The program, and the scripts of its threads and processes, which it finds beside itself. */
const entries = ["cli/main", "cli/job-child", "wasm/worker", "cluster/memory/ask-thread"];

// Names of chunks change with their contents.
rmSync(`${root}${outdir}`, { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: entries.map((entry) => `dist/src/${entry}.js`),
  outdir,
  entryNames: "[name]",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20.16",
  packages: "external",
  external: ["./dist/src/wasm/*.generated.js"],
  logLevel: "warning",
});
