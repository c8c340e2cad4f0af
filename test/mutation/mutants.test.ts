import * as assert from "uvu/assert";
import { suite } from "../harness.ts";
import { codeOnly } from "./mask.ts";
import { mutantsByLine } from "./mutants.ts";

const test = suite("mutants");

/** Mutations of the last line of `text`. */
function broken(text: string): string[] {
  return (mutantsByLine("a.ts", text).at(-1) ?? []).map(({ after }) => after).sort();
}

test("comments, strings, templates and patterns are blanked, and nothing moves", () => {
  const template = ["`k + $", '{l["}"] + m} + n`'].join("");
  const text = ["a + b; // c + d", "/* e + f", ` * g */ h("i + j", ${template}, o / p);`, "q.replace(/[/+] + /, 'r')"];
  const blank = (n: number) => " ".repeat(n);
  assert.equal(codeOnly(text.join("\n")).split("\n"), [
    `a + b;${blank(9)}`,
    blank(8),
    `${blank(8)}h(${blank(7)}, ${blank(template.length)}, o / p);`,
    `q.replace(${blank(9)}, ${blank(3)})`,
  ]);
});

test("each operator and constant is broken by itself", () => {
  assert.equal(broken("  return a + b < 2 * c;"), [
    "  return a + b < 2 + c;",
    "  return a + b < 3 * c;",
    "  return a + b <= 2 * c;",
    "  return a - b < 2 * c;",
  ]);
});

test("conditions are turned round, whole, and their parts exchanged", () => {
  assert.equal(broken("if (f(a) && !b) return true;"), [
    "if (!(f(a) && !b)) return true;",
    "if (f(a) && !b) return false;",
    "if (f(a) || !b) return true;",
  ]);
});

test("two plain arguments are swapped; a third, or a sum, stays where it is", () => {
  assert.equal(broken("f(a.b, c, d + 0.5)"), ["f(a.b, c, d - 0.5)", "f(c, a.b, d + 0.5)"]);
  assert.equal(broken("f(a, b + c)"), ["f(a, b - c)"]);
  assert.equal(broken("Math.max(a, b)"), ["Math.min(a, b)"], "in any order the same");
});

test("a statement is left out, its indentation kept; part of one is not", () => {
  assert.equal(broken("{\n  this.a.set(b);"), ["  "]);
  assert.equal(broken("f(\n  this.a.set(b);"), []);
  assert.equal(broken("{\n  const a = g(b);"), []);
  assert.equal(broken("{\n  a: number;"), []);
});

test("types, imports, sizes of blocks and numbers inside of names, fractions and literals stay whole", () => {
  const text = [
    "import { a } from 'b1';",
    "export interface C {",
    "  readonly d: 1 | 2;",
    "f32(x2 + 0x10, 1.5 * 1e-6)",
    "",
  ];
  assert.equal(broken(text.join("\n")), []);
});

test("the filling of lanes that are thrown away stays, and the filling of a sum's lanes changes", () => {
  assert.equal(broken("storePartial(y, loadPartial(x, tail, 0), tail);"), [
    "storePartial(y, loadPartial(tail, x, 0), tail);",
  ]);
  assert.equal(broken("sum = loadPartial(x, tail, 0);"), [
    "sum = loadPartial(tail, x, 0);",
    "sum = loadPartial(x, tail, 1);",
  ]);
});

test("a mutant says where it is", () => {
  const [mutant] = mutantsByLine("src/a.ts", "\nlet a = true;").flat();
  assert.equal(mutant, { file: "src/a.ts", line: 2, before: "let a = true;", after: "let a = false;" });
});
