/** Arguments of public functions: what is accepted, and the sentence with which the rest is refused. */
import * as assert from "uvu/assert";
import {
  aName,
  aPath,
  check,
  checkOptions,
  either,
  type Kind,
  listOf,
  numberWithin,
  oneOf,
  optional,
  whole,
  withDefaults,
} from "../../src/base/check.ts";
import { show } from "../../src/base/show.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("checks");

test("a small example, written out", () => {
  check("memory_size", 3, whole(1, 9));
  assert.is(
    refusal(() => check("memory_size", 12, whole(1, 9))),
    "memory_size: got 12; it must be a whole number from 1 to 9",
  );
});

const cases: [Kind, unknown[], unknown[]][] = [
  [whole(1, 9), [1, 9], [0, 10, 1.5, NaN, Infinity, "1", null, undefined, 1n, [1], true]],
  [whole(0), [0, Number.MAX_SAFE_INTEGER], [-1, 2 ** 53]],
  [numberWithin(0, 1), [0, 1, 0.5], [-1e-9, 1.1, NaN, Infinity, "0"]],
  [oneOf("a", 2), ["a", 2], ["b", "2", undefined]],
  [optional(whole(1)), [1, undefined], [null, 0]],
  [either(whole(1), oneOf(Infinity)), [1, Infinity], [0, -Infinity]],
  [listOf(whole(1)), [[], [1, 2]], [[1, "2"], [undefined], new Array(2), new Set([1]), { length: 0 }]],
  [aName, ["", "🎉"], ["🎉".slice(0, 1), "🎉".slice(1), 7]],
  [aPath, ["a/b"], ["", "a\0", 7]],
];

test("each kind accepts what it says and nothing else", () => {
  for (const [kind, good, bad] of cases) {
    for (const value of good) check("x", value, kind);
    for (const value of bad)
      assert.is(
        refusal(() => check("x", value, kind)),
        `x: got ${show(value)}; it must be ${kind.what}`,
      );
  }
});

test("the sentence names argument, value and range", () => {
  const sentence = refusal(() => check("topk", 1.5, whole(1, 65_536)));
  assert.is(sentence, "topk: got 1.5; it must be a whole number from 1 to 65,536");
});

test("options are a plain object of known keys, and undefined counts as left out", () => {
  const kinds = { width: whole(1), heads: optional(whole(1)) };
  const refused = (options: unknown) => refusal(() => checkOptions("options", options, kinds));
  checkOptions("options", { width: 1, heads: undefined }, kinds);
  checkOptions("options", Object.assign(Object.create(null), { width: 1 }), kinds);
  assert.is(refused({ width: 1, head: 2 }), 'options: unknown key "head"; did you mean heads?');
  assert.is(refused({ width: 1, memory: 5 }), 'options: unknown key "memory"; the keys are width, heads');
  assert.is(refused({}), "width: got undefined; it must be a whole number from 1 on");
  for (const value of [null, 5, "a", [1], new Map(), new (class Options {})()]) {
    assert.is(refused(value), `options: got ${show(value)}; it must be an object with the keys width, heads`);
  }
  assert.equal(withDefaults({ a: 1, b: 2 }, { a: undefined, b: 3 }), { a: 1, b: 3 });
});

test("values are shown short, on one line, by what they are", () => {
  const shown: [unknown, string][] = [
    [undefined, "undefined"],
    ["a\n", '"a\\n"'],
    [-0.5, "-0.5"],
    [5n, "5n"],
    [Symbol("s"), "Symbol(s)"],
    [show, "a function"],
    [[1, "a", [2], {}], '[1,"a",[…],{…}]'],
    [{ a: 1 }, "{…}"],
    [Object.create(null), "{…}"],
    [new Uint8Array(7), "a Uint8Array of 7"],
    [new Int32Array(2), "an Int32Array of 2"],
    [new Map(), "a Map"],
    ["x".repeat(100), `"${"x".repeat(59)}…`],
  ];
  for (const [value, text] of shown) assert.is(show(value), text);
});
