import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { readTextFile } from "../../src/data/corpus.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { SAMPLES } from "../text/samples.ts";

const test = suite("text file");
const folder = folderFor(test, "text-file");

function fileOf(content: string | readonly number[]): string {
  const path = join(folder, "file");
  fs.writeFileSync(path, typeof content === "string" ? content : Uint8Array.from(content));
  return path;
}

test("a small example, written out", () => {
  assert.is(readTextFile(fileOf([0x61, 0xc3, 0xa9, 0x0d, 0x0a])), "aé\r\n");
  assert.match(
    refusal(() => readTextFile(fileOf([0x61, 0xe9]))),
    "not UTF-8 at byte offset 1",
  );
});

test("every text is read to the letter, byte order marks and line ends too", () => {
  for (const [title, text] of Object.entries(SAMPLES)) {
    if (!text.includes("\0")) assert.is(readTextFile(fileOf(text)), text, title);
  }
});

test("a text in UTF-16 is read to the letter, line ends too, but for its byte order mark", () => {
  for (const [title, text] of Object.entries(SAMPLES)) {
    if (text.includes("\0")) continue;
    const bytes = Buffer.from(`\ufeff${text}\r\n`, "utf16le");
    assert.is(readTextFile(fileOf([...bytes])), `${text}\r\n`, title);
    assert.is(readTextFile(fileOf([...bytes.swap16()])), `${text}\r\n`, title);
  }
});

test("a binary file is refused, naming it and its first zero byte", () => {
  const sentence = refusal(() => readTextFile(fileOf([0x89, 0x50, 0, 0])));
  assert.match(sentence, folder);
  assert.match(sentence, "binary file (byte 2 is zero)");
});

/** Ill-formed bytes, each put behind "aé" (three bytes). */
const illFormed: [title: string, bytes: number[]][] = [
  ["a continuation byte alone", [0x80]],
  ["Latin-1", [0xe9, 0x20, 0x20]],
  ["an overlong slash", [0xc0, 0xaf]],
  ["an overlong two-byte form", [0xc1, 0xbf]],
  ["an overlong three-byte form", [0xe0, 0x9f, 0xbf]],
  ["an overlong four-byte form", [0xf0, 0x8f, 0xbf, 0xbf]],
  ["a surrogate", [0xed, 0xa0, 0x80]],
  ["a number beyond U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
  ["a lead byte of no meaning", [0xf5, 0x80, 0x80, 0x80]],
  ["a two-byte character cut at the end", [0xc3]],
  ["a three-byte character cut at the end", [0xe2, 0x82]],
  ["a four-byte character cut at the end", [0xf0, 0x9f, 0x98]],
  ["a four-byte character cut by a letter", [0xf0, 0x9f, 0x98, 0x61]],
  ["a three-byte character cut by another", [0xe2, 0x82, 0xe2, 0x82, 0xac]],
];

for (const [title, bytes] of illFormed) {
  test(`${title} is refused, naming the file and where the fault begins`, () => {
    const path = fileOf([0x61, 0xc3, 0xa9, ...bytes]);
    assert.is(
      refusal(() => readTextFile(path)),
      `${path} is not UTF-8 at byte offset 3; convert it to UTF-8 first`,
    );
  });
}

test("random bytes are accepted exactly when the system's own decoder accepts them", () => {
  const leads = [0x61, 0x7f, 0x80, 0x9f, 0xa0, 0xbf, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4];
  let accepted = 0;
  for (let number = 0; number < leads.length ** 3; number += 7) {
    const bytes = [0, 1, 2].map((place) => leads[Math.floor(number / leads.length ** place) % leads.length]);
    let text: string | undefined;
    try {
      text = new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(bytes));
    } catch {
      assert.match(
        refusal(() => readTextFile(fileOf(bytes))),
        bytes.includes(0x7f) ? /byte [012] is a control character/ : /not UTF-8/,
      );
      continue;
    }
    accepted++;
    assert.is(readTextFile(fileOf(bytes)), text);
  }
  assert.ok(accepted > 3);
});
