/**
 * Constant vectors in the inner loops of the kernels. Since V8 12, each use of one costs three instructions, which made GELU
 * two and a half times slower. `hidden` (assembly/base/simd.ts) keeps them out of loops. The test measures nothing: it reads the
 * compiled text.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import asc from "assemblyscript/asc";
import * as assert from "uvu/assert";
import { suite } from "../harness.ts";

const test = suite("constants");

/** Returns the text of the relaxed kernels, in which functions have names. */
async function kernelText(): Promise<string> {
  let text = "";
  const options = [
    "--config",
    "asconfig.json",
    "--target",
    "relaxed",
    "--textFile",
    "kernels.wat",
    "--bindings",
    "raw",
  ];
  const { error, stderr } = await asc.main(["assembly/index.ts", ...options], {
    readFile: (name, base) => (existsSync(join(base, name)) ? readFileSync(join(base, name), "utf8") : null),
    writeFile: (name, data) => {
      if (name.endsWith(".wat")) text = data as string;
    },
    listFiles: () => [],
  });
  if (error !== null) throw new Error(`the kernels do not compile: ${stderr}`);
  return text;
}

interface Loop {
  /** The function that contains it. */
  readonly name: string;
  readonly indentation: number;
  readonly lines: string[];
  innermost: boolean;
}

/** Returns every loop of a module's text, whose indentation follows the nesting. */
function loopsOf(text: string): Loop[] {
  const [all, open]: [Loop[], Loop[]] = [[], []];
  let name = "";
  for (const line of text.split("\n")) {
    const indentation = line.length - line.trimStart().length;
    name = /^ \(func \$(\S+)/.exec(line)?.[1] ?? name;
    while ((open.at(-1)?.indentation ?? -1) >= indentation) open.pop();
    open.at(-1)?.lines.push(line.trim());
    if (!/^\s*\(?loop\b/.test(line)) continue;
    const outer = open.at(-1);
    if (outer !== undefined) outer.innermost = false;
    const loop = { name, indentation, lines: [], innermost: true };
    all.push(loop);
    open.push(loop);
  }
  return all;
}

const ZERO = /v128\.const i32x4 0x0{8} 0x0{8} 0x0{8} 0x0{8}/;

/** Finds innermost loops that compute with constants. Zero, a single instruction, is allowed, and so is storing a constant. */
function loopsWithConstants(text: string): string[] {
  const computes = (line: string) =>
    /[fi]\d+x\d+\.\w|v128\.(and|or|xor|not|bitselect)/.test(line.replace(/v128\.const.*/, ""));
  const found = loopsOf(text).filter(
    ({ innermost, lines }) =>
      innermost && lines.some(computes) && lines.some((line) => line.includes("v128.const") && !ZERO.test(line)),
  );
  return [...new Set(found.map(({ name }) => name))];
}

test("a small example, written out: a constant is found in an inner loop, and nowhere else", () => {
  const constant = "v128.const i32x4 0x3f800000 0x3f800000 0x3f800000 0x3f800000";
  const inner = (...lines: string[]) => [" (func $f (param $0 i32)", "  (loop $l", ...lines, "  )", " )"].join("\n");
  assert.equal(loopsWithConstants(inner("   (f32x4.mul", `    (${constant})`, "   )")), ["f"]);
  assert.equal(loopsWithConstants(inner("   (v128.store", `    (${constant})`, "   )")), []);
  assert.equal(loopsWithConstants(inner("   (f32x4.mul", `    (${constant.replaceAll("3f8", "000")})`, "   )")), []);
  assert.equal(loopsWithConstants(inner(`   (f32x4.neg (${constant}))`, "   (loop $m", "    (nop)", "   )")), []);
});

test("no inner loop of a kernel computes with constant vectors", async () => {
  const text = await kernelText();
  assert.ok(loopsOf(text).length > 100, "the kernels' text has loops");
  assert.equal(loopsWithConstants(text), []);
});
