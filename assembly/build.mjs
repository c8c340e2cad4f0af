/**
 * Compiles the kernels (asconfig.json names the targets) and embeds them for the library.
 *
 * Writes `build/kernels.<target>.wasm` and, from them, two kinds of files in `src/wasm`. `kernels.generated.ts` is a TypeScript
 * interface read from the compiler's own declarations, so the typed table cannot drift from the sources in this folder.
 * `<target>.generated.ts` holds a binary as base64, so a program needs neither a bundler's help nor a `file:` URL to load its
 * kernels. A function returns the text: an engine that never calls it never makes the string.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const targets = Object.keys(JSON.parse(readFileSync(join(root, "asconfig.json"), "utf8")).targets);

async function compile(target) {
  const args = ["assembly/index.ts", "--config", "asconfig.json", "--target", target];
  const { error, stderr } = await asc.main(args, {
    readFile: (name, base) => {
      try {
        return readFileSync(join(base, name), "utf8");
      } catch {
        return null;
      }
    },
    writeFile: (name, data, base) => {
      mkdirSync(dirname(join(base, name)), { recursive: true });
      writeFileSync(join(base, name), data);
    },
  });
  if (error) {
    console.error(stderr.toString());
    process.exit(1);
  }
}

/** The signatures of all kernels, from the declarations that the compiler writes next to a binary. A usize is an Address. */
function kernelInterface(target) {
  const declarations = readFileSync(join(root, `build/kernels.${target}.d.ts`), "utf8");
  const kernels = [...declarations.matchAll(/\/\*\*([^]*?)\*\/\s+export function (\w+)\(([^)]*)\): (\w+);/g)];
  return kernels.map(([, comment, name, parameters, result]) => {
    const addresses = new Set([...comment.matchAll(/@param (\w+) `usize`/g)].map(([, parameter]) => parameter));
    const typed = parameters.replace(/(\w+): number/g, (text, parameter) =>
      addresses.has(parameter) ? `${parameter}: Address` : text,
    );
    return `  ${name}(${typed}): ${comment.includes("@returns `usize`") ? "Address" : result};`;
  });
}

function embed() {
  const heading = "// Written by assembly/build.mjs from the sources in assembly/. Not for editing.";
  const write = (name, text) => writeFileSync(join(root, `src/wasm/${name}.generated.ts`), `${heading}\n\n${text}`);
  const table = `export interface Kernels {\n${kernelInterface(targets[0]).join("\n")}\n}\n`;
  const about = "/** Every kernel, as WebAssembly exports it: addresses and sizes in, numbers out. */";
  write("kernels", `import type { Address } from "./heap.ts";\n\n${about}\n${table}`);
  for (const target of targets) {
    const base64 = readFileSync(join(root, `build/kernels.${target}.wasm`)).toString("base64");
    write(target, `/** The ${target} build, base64. */\nexport function ${target}(): string {\n  return "${base64}";\n}\n`);
  }
}

process.chdir(root);
await Promise.all(targets.map(compile));
embed();
