import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { isStream, readFile, readText, STANDARD_INPUT, streamName } from "../../src/platform/read-file.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("reading files");
const folder = folderFor(test, "read-file");
const at = (name: string) => join(folder, name);

test("a small example, written out", () => {
  fs.writeFileSync(at("small"), "aé");
  assert.equal(readFile(at("small")), Uint8Array.of(0x61, 0xc3, 0xa9));
  assert.is(readText(at("small")), "aé");
});

test("the first bytes are shown with the size before anything else is read", () => {
  for (const size of [0, 1, 65_535, 65_536, 65_537, 200_000]) {
    const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 7) ^ (i >> 8));
    fs.writeFileSync(at("file"), bytes);
    const shown: [Uint8Array, number | undefined][] = [];
    const check = (beginning: Uint8Array, known: number | undefined) => shown.push([beginning.slice(), known]);
    assert.equal(readFile(at("file"), Infinity, { check }), bytes);
    assert.equal(shown, [[bytes.subarray(0, 65_536), size || undefined]]);
  }
});

test("text in UTF-16 is read as in UTF-8, without a mark", () => {
  for (const bytes of [Buffer.from("\ufeff{}🙂", "utf16le"), Buffer.from("\ufeff{}🙂", "utf16le").swap16()]) {
    fs.writeFileSync(at("text"), bytes);
    assert.is(readText(at("text")), "{}🙂");
  }
  fs.writeFileSync(at("text"), Uint8Array.of(0xff, 0xfe, 0x61));
  assert.is(
    refusal(() => readText(at("text"))),
    `${at("text")} is not UTF-16 text; convert it to UTF-8 first`,
  );
});

const noPipes = spawnSync("mkfifo", ["--version"]).status === 0 ? "" : "no mkfifo here";

test.unless(
  noPipes,
  "a pipe is read whole however it comes, and its first bytes are shown without a size",
  async () => {
    spawnSync("mkfifo", [at("pipe")]);
    const script = 'head -c 70000 /dev/zero > "$0.z"; { printf a; sleep 0.1; printf b; sleep 0.1; cat "$0.z"; } > "$0"';
    const writer = spawn("sh", ["-c", script, at("pipe")]);
    const shown: [number, number | undefined][] = [];
    const check = (beginning: Uint8Array, size: number | undefined) => shown.push([beginning.length, size]);
    const bytes = readFile(at("pipe"), Infinity, { namedPipes: true, check });
    assert.is(bytes.length, 70_002);
    assert.equal([...bytes.subarray(0, 3)], [97, 98, 0]);
    assert.equal(shown, [[65_536, undefined]]);
    await once(writer, "close");
  },
);

test.unless(noPipes, "what can be read only once is known, and has one name however it is called", () => {
  spawnSync("mkfifo", [at("fifo")]);
  fs.symlinkSync("fifo", at("link"));
  fs.writeFileSync(at("plain"), "");
  assert.equal([at("fifo"), at("link"), "/dev/fd/0", STANDARD_INPUT].map(isStream), [true, true, true, true]);
  assert.equal([at("plain"), folder].map(isStream), [false, false]);
  assert.is(streamName(at("fifo")), streamName(at("link")));
  assert.is(streamName("/proc/self/fd/0"), streamName(STANDARD_INPUT));
  assert.is(
    refusal(() => isStream(at("plain/below"))),
    `cannot read ${at("plain/below")}: a part of the path is a file, a directory is needed`,
  );
});

test("a path of nothing is shown as such", () => {
  assert.is(
    refusal(() => readFile("")),
    'cannot read "": no such file or directory',
  );
});
