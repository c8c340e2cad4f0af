/** Tools that tests of the package use and that the library's own install does not bring: those of test/bundlers. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";

const isCompiled = import.meta.url.includes("/dist/test/");
/** The directory of package.json. */
export const root: string = fileURLToPath(new URL(isCompiled ? "../../../" : "../../", import.meta.url));

const modules = join(root, "test/bundlers/node_modules");

/** Reason why the tools are missing; undefined if they are there. */
export const noTools: string | undefined =
  process.versions.deno !== undefined
    ? "tests what tsc has compiled, in Node"
    : existsSync(modules)
      ? undefined
      : "needs the tools of test/bundlers; npm run test:browsers installs them";

/** Path of a file of a tool, such as `vite/bin/vite.js`. */
export function toolPath(path: string): string {
  return join(modules, path);
}

/** Loads the entry of a tool, whose type is T. */
export function loadTool<T>(path: string): Promise<T> {
  return import(pathToFileURL(toolPath(path)).href);
}
