/** Leftovers of a killed process are removed, and nothing else. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { type LeftoverOptions, removeLeftovers, temporaryName } from "../../src/platform/temporary.ts";
import { suite } from "../harness.ts";

const test = suite("temporary names");
let folder = "";
let dead = 0;

test.before(async () => {
  folder = fs.mkdtempSync(join(tmpdir(), "temporary-"));
  const child = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await once(child, "close");
  dead = child.pid!;
});
test.after(() => fs.rmSync(folder, { recursive: true }));

const own = () => process.pid;
/** The name that another process of this machine would give, or one of another place. */
const nameBy = (pid: number, place?: string) => {
  const name = basename(temporaryName("x")).replace(`-${own()}-`.slice(1), `${pid}-`);
  return place === undefined ? name : name.replace(/-[0-9a-f]{8}-/, `-${place}-`);
};

/** Returns the names that are left after the removal. */
function remaining(names: readonly string[], options: LeftoverOptions): string[] {
  const directory = fs.mkdtempSync(join(folder, "d-"));
  for (const name of names) fs.writeFileSync(join(directory, name), "");
  removeLeftovers(directory, (name) => name === "x", options);
  return fs.readdirSync(directory).sort();
}

test("a small example, written out: the file stays, and what a dead process left of it is removed", () => {
  assert.equal(remaining(["x", nameBy(dead)], {}), ["x"]);
});

test("every name is new and lies next to the file that it stands for", () => {
  const names = Array.from({ length: 100 }, () => temporaryName("some/where"));
  assert.is(new Set(names).size, 100);
  assert.equal(new Set(names.map((name) => dirname(name))), new Set(["some"]));
  for (const name of names) assert.match(name, new RegExp(`^some/where\\.tmp-${own()}-[0-9a-f]{8}-[0-9a-f]{16}$`));
});

test("leftovers of an ended process are removed; files of a living one and files with similar names stay", () => {
  const kept = [
    nameBy(own()), // this process may be writing it
    nameBy(1),
    nameBy(dead, "01234567"), // whether it ended is not known here
    nameBy(dead).replace("x.", "y."),
    `x.tmp-${dead}`,
    `x.tmp-${dead}.tmp-${dead}`,
    `${nameBy(dead)}.txt`,
    nameBy(dead).slice(0, -1),
    "x",
  ].sort();
  assert.equal(remaining([...kept, nameBy(dead)], {}), kept);
});

test("leftovers of older versions are also removed, if their names are asked for", () => {
  const left = [`x.tmp-${dead}`, `x.tmp-${dead}.tmp-${dead}`, `x.tmp-${own()}`];
  assert.equal(remaining([...left, "x.tmp-1", "x.tmp-", "x.tmp-1a", `y.tmp-${dead}`], { old: true }), [
    "x.tmp-",
    "x.tmp-1",
    "x.tmp-1a",
    `y.tmp-${dead}`,
  ]);
});

test("under the lock, leftovers from other places and of an earlier process of the same number are also removed", () => {
  const living = nameBy(1);
  assert.equal(remaining([living, nameBy(dead, "01234567"), nameBy(own())], { elsewhere: true }), [living]);
});

test("a directory goes with all that is in it, a link stays, and a directory that is missing is fine", () => {
  const directory = fs.mkdtempSync(join(folder, "d-"));
  const [unfinished, link] = [nameBy(dead), nameBy(dead)];
  fs.mkdirSync(join(directory, unfinished, "deep"), { recursive: true });
  fs.symlinkSync(folder, join(directory, link));
  removeLeftovers(directory, () => true);
  assert.equal(fs.readdirSync(directory), [link]);
  removeLeftovers(join(directory, "missing"), () => true);
});
