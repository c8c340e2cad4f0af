/** Locks of directories: who gets one, who is refused, and that the dead keep none. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import patched, * as fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { hostname } from "node:os";
import { join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { InputError } from "../../src/base/errors.ts";
import { withLock } from "../../src/platform/lock.ts";
import type { ProcessIdentity } from "../../src/platform/processes.ts";
import { scriptLine } from "../cli/child.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";

const test = suite("lock");

const folder = folderFor(test, "lock");
let count = 0;

const newPath = () => join(folder, `${count++}`);

/** A directory with a lock file of this content. */
function lockedBy(content: unknown): string {
  const directory = newPath();
  fs.mkdirSync(directory);
  const text = typeof content === "string" ? content : JSON.stringify(content);
  fs.writeFileSync(join(directory, "training.lock"), text);
  return directory;
}

/** Whether the lock is to be had; if so there is nothing left of it afterwards. */
async function isFree(directory: string): Promise<boolean> {
  try {
    await withLock(directory, async () => {});
  } catch (error) {
    assert.instance(error, InputError);
    return false;
  }
  assert.equal(fs.existsSync(directory) ? fs.readdirSync(directory) : [], []);
  return true;
}

/** The lock that this process writes. */
async function ownLock(): Promise<ProcessIdentity> {
  const directory = newPath();
  return withLock(directory, async () => JSON.parse(fs.readFileSync(join(directory, "training.lock"), "utf8")));
}

/** The number of a process that has ended. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await once(child, "close");
  return child.pid!;
}

test("work is done under the lock, and its result or error comes out; then the lock is gone", async () => {
  const directory = newPath();
  fs.mkdirSync(directory);
  const inside = await withLock(directory, async () => fs.readdirSync(directory));
  assert.equal(inside, ["training.lock"]);
  const failure = new Error("failed");
  await withLock(directory, async () => Promise.reject(failure)).catch((error) => assert.is(error, failure));
  assert.equal(fs.readdirSync(directory), []);
});

test("a directory that was made for the lock goes with it, unless something was put there", async () => {
  const above = newPath();
  await withLock(join(above, "a", "b"), async () => assert.ok(fs.existsSync(join(above, "a", "b"))));
  assert.not.ok(fs.existsSync(above));
  await withLock(join(above, "a", "b"), async () => fs.writeFileSync(join(above, "a", "kept"), ""));
  assert.equal(fs.readdirSync(above, { recursive: true }).sort(), ["a", join("a", "kept")]);
});

test("a second taker is refused in one sentence that names the directory and the process", async () => {
  const directory = newPath();
  await withLock(directory, async () => {
    const error = await withLock(directory, async () => {}).catch((reason) => reason);
    assert.instance(error, InputError);
    const advice = "is training there; wait for its end or stop it first";
    assert.is(error.message, `${directory} is in use: process ${process.pid} ${advice}`);
    assert.equal(fs.readdirSync(directory), ["training.lock"], "the refused one takes nothing with it");
  });
});

test("a dead process keeps no lock", async () => {
  const { host, start } = await ownLock();
  assert.ok(await isFree(lockedBy({ pid: await deadPid(), host, start })));
});

test("a process that got the number of a dead one keeps no lock of that", async () => {
  const { pid, host, start } = await ownLock();
  if (start === null) return; // this system does not tell when processes start
  assert.not.ok(await isFree(lockedBy({ pid, host, start })));
  assert.ok(await isFree(lockedBy({ pid, host, start: `${start}0` })));
});

test("a lock that is another one's by the end of the work stays", async () => {
  const own = await ownLock();
  const other = { pid: await deadPid(), host: `not-${own.host}`, start: `${own.start}0` };
  for (const key of ["pid", "host", "start"] as const) {
    const directory = newPath();
    const lock = join(directory, "training.lock");
    const theirs = JSON.stringify({ ...own, [key]: other[key] });
    await withLock(directory, async () => fs.writeFileSync(lock, theirs));
    assert.is(fs.readFileSync(lock, "utf8"), theirs, key);
    fs.rmSync(lock);
    await withLock(directory, async () => fs.writeFileSync(lock, "cut by a crash"));
    assert.is(fs.readFileSync(lock, "utf8"), "cut by a crash");
  }
});

test.unless(
  process.versions.deno && "a built-in module cannot be patched in Deno",
  "a lock that another process takes while a dead one's is being removed stays, and refuses",
  async () => {
    const own = await ownLock();
    const directory = lockedBy({ ...own, pid: await deadPid() });
    const lock = join(directory, "training.lock");
    const theirs = JSON.stringify({ ...own, host: `not-${own.host}` });
    const { linkSync } = patched;
    patched.linkSync = (from, to) => {
      if (String(to).endsWith(".removal")) fs.writeFileSync(lock, theirs); // it was quicker
      linkSync(from, to);
    };
    syncBuiltinESMExports();
    try {
      const error = await withLock(directory, async () => {}).catch((reason) => reason);
      assert.match(error.message, `of the machine not-${own.host} is training there`);
    } finally {
      patched.linkSync = linkSync;
      syncBuiltinESMExports();
    }
    assert.is(fs.readFileSync(lock, "utf8"), theirs);
  },
);

test("a process of another machine keeps its lock, and the sentence says what to do", async () => {
  const directory = lockedBy({ pid: await deadPid(), host: `not-${hostname()}`, start: null });
  const error = await withLock(directory, async () => {}).catch((reason) => reason);
  assert.match(error.message, `of the machine not-${hostname()} is training there; if it has ended, delete`);
});

test("a process of another pid namespace keeps its lock, whatever runs here under its number", async () => {
  const mine = await ownLock();
  if (mine.namespace === null) return; // this system has none, or does not tell
  for (const pid of [await deadPid(), process.pid, 1]) {
    const directory = lockedBy({ ...mine, pid, namespace: "pid:[1]" });
    const error = await withLock(directory, async () => {}).catch((reason) => reason);
    assert.instance(error, InputError);
    const doubt = "whether that still runs cannot be judged from here";
    const advice = `if it has ended, delete ${directory}/training.lock`;
    assert.is(
      error.message,
      `${directory} is in use: process ${pid} of another container has it, and ${doubt}; ${advice}`,
    );
  }
});

test("a lock of a version that did not name the namespace is judged by its process alone", async () => {
  const { pid, host, start } = await ownLock();
  assert.not.ok(await isFree(lockedBy({ pid, host, start })));
  assert.ok(await isFree(lockedBy({ pid: await deadPid(), host, start })));
});

const unshare = ["-pf", "--mount-proc"];
const noContainers =
  spawnSync("unshare", [...unshare, "true"]).status === 0 ? "" : "no pid namespaces can be made here";

test.unless(noContainers, "of two processes in two containers of one host name only one has the lock", async () => {
  const directory = newPath();
  const [command, args] = scriptLine("test/platform/lock-contender", [directory]);
  const line = [...unshare, command, ...args];
  const first = spawn("unshare", line, { stdio: ["pipe", "pipe", "inherit"] });
  let said = "";
  first.stdout.on("data", (text) => (said += text));
  while (first.exitCode === null && !fs.existsSync(join(directory, "training.lock"))) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.is(spawnSync("unshare", line, { input: "", encoding: "utf8" }).stdout, "refused");
  first.stdin.end();
  await once(first, "close");
  assert.is(said, "got released");
});

test("a file that is not a lock is neither removed nor taken for one", async () => {
  const directory = lockedBy("where I keep the key");
  const error = await withLock(directory, async () => {}).catch((reason) => reason);
  const path = join(directory, "training.lock");
  assert.is(error.message, `${path} is not a lock that this program wrote; move it to another place`);
  assert.equal(fs.readdirSync(directory), ["training.lock"]);
  assert.is(fs.readFileSync(path, "utf8"), "where I keep the key");
});

test("a lock that is another's by now is not given back", async () => {
  const directory = newPath();
  const others = JSON.stringify({ ...(await ownLock()), pid: 1 });
  await withLock(directory, async () => fs.writeFileSync(join(directory, "training.lock"), others));
  assert.is(fs.readFileSync(join(directory, "training.lock"), "utf8"), others);
});

test("leftovers of processes killed while they took a lock are cleaned up, and nothing else", async () => {
  const [directory, dead] = [newPath(), await deadPid()];
  fs.mkdirSync(directory);
  const left = ["training.lock.tmp-1.tmp-1", "training.lock.removal.tmp-1.tmp-1", "training.lock.tmp-1"];
  for (const name of left) fs.writeFileSync(join(directory, name.replaceAll("tmp-1", `tmp-${dead}`)), "");
  fs.writeFileSync(join(directory, "training.lock.removal"), JSON.stringify({ ...(await ownLock()), pid: dead }));
  const kept = [`training.lock.tmp-${process.ppid}`, `training.lock.txt.tmp-${dead}`, "notes.tmp-1"];
  for (const name of kept) fs.writeFileSync(join(directory, name), "");
  await withLock(directory, async () => {
    assert.equal(fs.readdirSync(directory).sort(), ["training.lock", ...kept].sort());
  });
});

test("a damaged lock file, as a power cut may leave it, is replaced", async () => {
  for (const content of ["", "{", "null", "[]", "7", '{"pid":"x"}', "\0\0\0"]) {
    assert.ok(await isFree(lockedBy(content)), JSON.stringify(content));
  }
});

test("a process that died while it removed a dead one's lock is in nobody's way", async () => {
  const { host, start } = await ownLock();
  const directory = lockedBy({ pid: await deadPid(), host, start });
  fs.cpSync(join(directory, "training.lock"), join(directory, "training.lock.removal"));
  assert.ok(await isFree(directory));
});

test("when several processes find a dead one's lock at once, exactly one gets it", async () => {
  const { host, start } = await ownLock();
  for (let round = 0; round < 2; round++) {
    const directory = lockedBy({ pid: await deadPid(), host, start });
    const at = String(Date.now() + 400);
    const contenders = Array.from({ length: 5 }, () => {
      const script = scriptLine("test/platform/lock-contender", [directory, at]);
      const child = spawn(...script, { stdio: ["pipe", "pipe", "inherit"] });
      return { child, closed: once(child, "close"), answer: once(child.stdout, "data") };
    });
    const answers = await Promise.all(contenders.map(({ answer }) => answer)); // the winner keeps it until all have answered
    for (const { child } of contenders) child.stdin.end();
    await Promise.all(contenders.map(({ closed }) => closed));
    assert.equal(answers.map(String).sort(), ["got", ...Array(4).fill("refused")]);
    assert.equal(fs.readdirSync(directory), []);
  }
});
