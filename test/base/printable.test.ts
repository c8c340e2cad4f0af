import * as assert from "uvu/assert";
import { InputError } from "../../src/base/errors.ts";
import { printable, printableJson, printableLines } from "../../src/base/printable.ts";
import { suite } from "../harness.ts";

const test = suite("printable");

test("a small example, written out", () => {
  assert.is(printable("naïve\x07"), "naïve\\x07");
});

/** Everything that a terminal obeys, as text and as it is shown. */
const obeyed: [text: string, shown: string][] = [
  ["\x1b[31mred", "\\x1b[31mred"],
  ["\x1b]0;title\x07", "\\x1b]0;title\\x07"],
  ["a\rb\nc\td", "a\\rb\\nc\\td"],
  ["\0\b\x7f", "\\x00\\x08\\x7f"],
  ["\x80\x9b31m\x9f", "\\x80\\x9b31m\\x9f"],
  ["evil\u202efdp.exe\u202c", "evil\\u202efdp.exe\\u202c"],
  [
    "\u200e\u200f\u061c\u2066\u2067\u2068\u2069\u202a\u202b\u202d",
    "\\u200e\\u200f\\u061c\\u2066\\u2067\\u2068\\u2069\\u202a\\u202b\\u202d",
  ],
  ["line\u2028and\u2029paragraph", "line\\u2028and\\u2029paragraph"],
  ["half \ud83d, other half \ude42", "half \\ud83d, other half \\ude42"],
  ["a byte \udcfc of a name", "a byte \\xfc of a name"],
];

test("characters that a terminal would obey are shown as escapes", () => {
  for (const [text, shown] of obeyed) assert.is(printable(text), shown);
});

test("every other character is shown as it is, in all scripts and of any number of parts", () => {
  const text = "naïve 日本 🙂 👨‍👩‍👧 עברית العربية C:\\new\\x1b … ~";
  assert.is(printable(text), text);
});

test("printable text stays as it is", () => {
  for (const [, shown] of obeyed) assert.is(printable(shown), shown);
});

test("in several lines only line breaks and tabs stay", () => {
  assert.is(printableLines("a\n\tb\r\n\x1b[2Jc\u202e"), "a\n\tb\\r\n\\x1b[2Jc\\u202e");
});

test("JSON keeps its meaning and loses what JSON.stringify leaves in it", () => {
  for (const [text] of obeyed) {
    const json = printableJson(`${JSON.stringify({ text }, null, 1)}\n`);
    assert.is(printable(json), json.replaceAll("\n", "\\n"), "nothing else is left to escape");
    assert.is(JSON.parse(json).text, text);
  }
});

test("the message of an InputError is always one printable line", () => {
  const error = new InputError("cannot read \x1b[31m\r\na\u202e: no such file");
  assert.is(error.message, "cannot read \\x1b[31m\\r\\na\\u202e: no such file");
  assert.ok(!error.stack?.includes("\x1b"));
});
