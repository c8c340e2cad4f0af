/** Keeps the arrows of ARCHITECTURE.md one-way: no import, types included, leads to a higher room or round in a circle. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { suite } from "./harness.ts";

const test = suite("rooms");

/** Lowest first. A file may import from its own room and from those before it. */
const ROOMS =
  "base wasm platform formats text data autodiff weights memory nn mechanisms families model inspect train calibrate report experiments serve cli".split(
    " ",
  );
/** Files at the top of src, and the rooms that they stand above. */
const TOP: Record<string, string> = {
  "kernels.ts": "wasm",
  "reader.ts": "train",
  "report.ts": "report",
  "index.ts": "reader.ts",
  "node.ts": "index.ts",
};

const isCompiled = import.meta.url.includes("/dist/");
const src = new URL(isCompiled ? "../../src/" : "../src/", import.meta.url);

/** The files that each file of src imports, all seen from src. */
function importsByFile(): Map<string, string[]> {
  const names = readdirSync(fileURLToPath(src), { recursive: true, encoding: "utf8" });
  const files = names.map((name) => name.replaceAll("\\", "/")).filter((name) => name.endsWith(".ts"));
  return new Map(files.map((file) => [file, importsOf(file, readFileSync(new URL(file, src), "utf8"))]));
}

function importsOf(file: string, text: string): string[] {
  const specifiers = [...text.matchAll(/(?:\bfrom|\bimport\(|^import) ?"(\.[^"]+)"/gm)].map(
    ([, specifier]) => specifier,
  );
  return specifiers.map((specifier) => new URL(specifier, new URL(file, src)).href.slice(src.href.length));
}

function rank(file: string): number {
  if (file in TOP) return rank(TOP[file]) + 0.1;
  return ROOMS.indexOf(file.split("/")[0]);
}

/** The first circle that is found, as a list of files; undefined if there is none. */
function circle(imports: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const visit = (file: string, path: string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    done.add(file);
    for (const next of imports.get(file) ?? []) {
      const found = visit(next, [...path, file]);
      if (found) return found;
    }
    return undefined;
  };
  for (const file of imports.keys()) {
    const found = visit(file, []);
    if (found) return found;
  }
  return undefined;
}

test("a circle of three files is found", () => {
  const imports = new Map([
    ["a", ["b"]],
    ["b", ["c"]],
    ["c", ["b"]],
  ]);
  assert.equal(circle(imports), ["b", "c", "b"]);
});

test("every file stands in a room that has a place", () => {
  assert.equal(
    [...importsByFile().keys()].filter((file) => rank(file) < 0),
    [],
  );
});

test("no import leads upwards", () => {
  const arrows = [...importsByFile()].flatMap(([file, imported]) => imported.map((target) => [file, target]));
  assert.ok(arrows.length > 500);
  assert.equal(
    arrows.filter(([file, target]) => rank(target) > rank(file)),
    [],
  );
});

test("no import leads round in a circle", () => {
  assert.is(circle(importsByFile()), undefined);
});
