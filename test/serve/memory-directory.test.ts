/** Named memories in a directory: names that lead nowhere else, files all at once. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { writeMemory } from "../../src/memory/disk.ts";
import type { MemorySnapshot } from "../../src/memory/snapshot.ts";
import { temporaryName } from "../../src/platform/temporary.ts";
import { MemoryDirectory, requireName } from "../../src/serve/memory-directory.ts";
import { Refusal, ServerFault } from "../../src/serve/refusals.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";

const test = suite("memory directory");
const folder = folderFor(test, "memories");

/** One layer with one head of width 1, which remembers these numbers. */
function memoryOf(...numbers: number[]): MemorySnapshot {
  const pairs = { keys: Float32Array.from(numbers), values: Float32Array.from(numbers) };
  const sizes = { heads: 1, width: 1, size: 9, length: numbers.length, appended: numbers.length };
  return { name: "the memory", model: undefined, ...sizes, layers: new Map([[0, pairs]]), sources: undefined };
}

function statusOf(action: () => unknown): number {
  try {
    action();
  } catch (error) {
    assert.instance(error, Refusal, String(error));
    return (error as Refusal).status;
  }
  return 200;
}

const lengths = (memories: MemoryDirectory, name: string) => memories.load(name).length;

test("a small example, written out: kept, replaced, listed, deleted", () => {
  const path = join(folder, "new/small");
  const memories = new MemoryDirectory(path);
  assert.equal(memories.list(), []);
  memories.save("a", memoryOf(1, 2));
  assert.equal(fs.readdirSync(path), ["a.memory.safetensors"]);
  assert.is(lengths(memories, "a"), 2);
  memories.save("a", memoryOf(1, 2, 3));
  assert.is(lengths(memories, "a"), 3);
  assert.is(lengths(new MemoryDirectory(path), "a"), 3, "it is on the disk");
  assert.equal(
    memories.list().map(({ name }) => name),
    ["a"],
  );
  memories.delete("a");
  assert.equal(fs.readdirSync(path), []);
  assert.is(
    statusOf(() => memories.load("a")),
    404,
  );
  assert.is(
    statusOf(() => memories.delete("a")),
    404,
  );
});

test("a file that another program replaces is read again", () => {
  const path = join(folder, "replaced");
  const memories = new MemoryDirectory(path);
  memories.save("a", memoryOf(1));
  writeMemory(join(path, "a.memory.safetensors"), memoryOf(1, 2));
  assert.is(lengths(memories, "a"), 2);
  fs.rmSync(join(path, "a.memory.safetensors"));
  assert.is(
    statusOf(() => memories.load("a")),
    404,
  );
});

test("a memory that continues a file does not take the place of what another program made of it meanwhile", () => {
  const path = join(folder, "meanwhile");
  const memories = new MemoryDirectory(path);
  memories.save("a", memoryOf(1));
  const version = memories.stateOf("a")?.version;
  memories.save("a", memoryOf(1, 2), version);
  const older = memories.stateOf("a")?.version;
  writeMemory(join(path, "a.memory.safetensors"), memoryOf(1, 2, 3));
  const late = () => memories.save("a", memoryOf(1, 2, 4), older);
  assert.is(statusOf(late), 409);
  assert.equal([...(memories.load("a").layers.get(0)?.keys ?? [])], [1, 2, 3]);
  fs.rmSync(join(path, "a.memory.safetensors"));
  assert.is(statusOf(late), 409);
  assert.equal(fs.readdirSync(path), []);
});

const hostile = [
  "",
  ".",
  "..",
  "../x",
  "a/b",
  "a\\b",
  "/etc/passwd",
  "a\0",
  "%2e%2e",
  "a b",
  "é",
  "a\n",
  ".hidden",
  "-a",
];

test("names that might lead elsewhere are no names, nor are very long ones", () => {
  for (const name of [...hostile, "x".repeat(65), "x".repeat(100_000)])
    assert.is(
      statusOf(() => requireName(name)),
      400,
    );
  for (const name of ["a", "A-1_b.c", "x".repeat(64), "0"]) assert.is(requireName(name), name);
});

test("no method takes such a name", () => {
  const memories = new MemoryDirectory(join(folder, "hostile"));
  for (const name of hostile) {
    for (const action of [
      () => memories.load(name),
      () => memories.save(name, memoryOf(1)),
      () => memories.delete(name),
    ]) {
      assert.is(statusOf(action), 400, JSON.stringify(name));
    }
  }
  assert.equal(fs.readdirSync(join(folder, "hostile")), []);
});

test("a link, a directory and files of other names are not memories, and stay", () => {
  const path = join(folder, "others");
  const memories = new MemoryDirectory(path);
  writeMemory(join(folder, "outside"), memoryOf(1));
  fs.symlinkSync("../outside", join(path, "link.memory.safetensors"));
  fs.symlinkSync("../nothing", join(path, "dangling.memory.safetensors"));
  fs.mkdirSync(join(path, "folder.memory.safetensors"));
  fs.writeFileSync(join(path, "notes.txt"), "notes");
  fs.writeFileSync(join(path, ".a.memory.safetensors"), "");
  assert.equal(memories.list(), []);
  for (const name of ["link", "dangling", "folder"]) {
    assert.is(
      statusOf(() => memories.load(name)),
      404,
      name,
    );
    assert.is(
      statusOf(() => memories.delete(name)),
      404,
      name,
    );
    assert.is(
      statusOf(() => memories.save(name, memoryOf(1, 2))),
      409,
      name,
    );
  }
  assert.not(fs.existsSync(join(folder, "nothing")));
  assert.is(fs.readdirSync(path).length, 5);
});

test("what a killed process left unfinished goes, other files stay", () => {
  const path = join(folder, "left");
  fs.mkdirSync(path);
  fs.writeFileSync(join(path, "notes.tmp"), "");
  const { pid } = spawnSync(process.execPath, ["--version"]);
  const left = temporaryName("a.memory.safetensors").replace(`tmp-${process.pid}`, `tmp-${pid}`);
  fs.writeFileSync(join(path, left), "half of a memory");
  const memories = new MemoryDirectory(path);
  memories.save("a", memoryOf(1));
  assert.equal(fs.readdirSync(path).sort(), ["a.memory.safetensors", "notes.tmp"]);
});

test("a file that was altered is refused in a sentence, and a list still has it", () => {
  const path = join(folder, "altered");
  const memories = new MemoryDirectory(path);
  memories.save("a", memoryOf(1));
  const file = join(path, "a.memory.safetensors");
  const bytes = fs.readFileSync(file);
  bytes[bytes.length - 1] ^= 1;
  fs.writeFileSync(file, bytes);
  const later = Date.now() / 1000 + 1; // the clock of files may not have moved on since the memory was saved
  fs.utimesSync(file, later, later);
  try {
    memories.load("a");
    assert.unreachable("it was loaded");
  } catch (error) {
    assert.instance(error, ServerFault, String(error));
    const { message, cause } = error as ServerFault;
    assert.is(message, "the memory a cannot be read; the server's log says why");
    assert.match(String(cause), /a\.memory\.safetensors was altered/);
  }
  assert.is(memories.list().length, 1);
});
