/**
 * ARCHITECTURE.md: the table of "The path of one token" names files that exist and are short, leaves out no kernel, and is counted right;
 * principle 6 names every file that catches an InputError.
 */
import { existsSync, readdirSync } from "node:fs";
import * as assert from "uvu/assert";
import { read, root } from "./documents.ts";
import { suite } from "./harness.ts";

const test = suite("ARCHITECTURE");

interface Step {
  readonly src: readonly string[];
  readonly assembly: readonly string[];
}

/** The rows of a table | step | `src/` | `assembly/` |, as paths in the repository. */
function stepsOf(text: string): Step[] {
  const rows = [...text.matchAll(/^\| (?:\d+|all) \|(.*)\|(.*)\|$/gm)];
  const files = (folder: string, cell: string) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, file]) => `${folder}/${file}`);
  return rows.map(([, src, assembly]) => ({ src: files("src", src), assembly: files("assembly", assembly) }));
}

test("two files are read from a row", () => {
  assert.equal(stepsOf("| 1 | `data/a.ts` | `ops/b.ts` |"), [
    { src: ["src/data/a.ts"], assembly: ["assembly/ops/b.ts"] },
  ]);
});

const text = read("ARCHITECTURE.md");
const steps = stepsOf(text);

test("every file on a token's way exists, and none is named twice", () => {
  const files = steps.flatMap(({ src, assembly }) => [...src, ...assembly]);
  assert.ok(files.length > 20);
  assert.equal(new Set(files).size, files.length);
  assert.equal(
    files.filter((file) => !existsSync(new URL(file, root))),
    [],
  );
});

test("every file on a token's way has at most 350 lines", () => {
  const files = steps.flatMap(({ src, assembly }) => [...src, ...assembly]);
  const long = files.map((file) => [file, read(file).trimEnd().split("\n").length] as const);
  assert.equal(
    long.filter(([, lines]) => lines > 350),
    [],
  );
});

test("the sentence below the table counts them", () => {
  const count = (folder: keyof Step) => steps.reduce((sum, step) => sum + step[folder].length, 0);
  const shared = steps.at(-1) as Step;
  const [src, assembly] = [count("src"), count("assembly")];
  const files = `${src + assembly} files: ${src} in \`src\` and ${assembly} in \`assembly\``;
  const sentence = `${files}; every step shares ${shared.src.length} and ${shared.assembly.length} of them.`;
  assert.ok(text.replaceAll(/\s+/g, " ").includes(sentence), sentence);
});

test("the kernels on the way import no kernel outside the table", () => {
  const kernels = steps.flatMap(({ assembly }) => assembly);
  const imported = kernels.flatMap((kernel) => {
    const specifiers = [...read(kernel).matchAll(/ from "(\.[^"]+)"/g)].map(([, specifier]) => specifier);
    return specifiers.map((specifier) =>
      new URL(`${specifier}.ts`, new URL(kernel, root)).href.slice(root.href.length),
    );
  });
  assert.ok(imported.length > 15);
  assert.equal(
    imported.filter((file) => !kernels.includes(file)),
    [],
  );
});

/** Whether a file may keep an InputError from its caller: it asks for that class, or one that extends it, outside of a throw. */
const catchesInputError = (source: string) =>
  /\bcatch \(/.test(source) && /instanceof (?:InputError|UsageError|BinaryFileError)\b|\[InputError,/.test(source);

test("an InputError is caught only where principle 6 says so, and where the command line prints it", () => {
  const [, principle] = /^6\. (.*?)^## /ms.exec(text) ?? [];
  const named = [...principle.matchAll(/`([^`]+\/[^`]+\.ts)`/g)].map(([, file]) => file);
  const files = readdirSync(new URL("src/", root), { recursive: true, encoding: "utf8" });
  const sources = files.map((file) => file.replaceAll("\\", "/")).filter((file) => file.endsWith(".ts"));
  const catching = sources.filter((file) => catchesInputError(read(`src/${file}`)));
  assert.equal(catching.sort(), [...named.filter((file) => file !== "base/check.ts"), "cli/program.ts"].sort());
});
