/** The program where something that it needs is missing: each time one sentence that says what, and no stack trace. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { deno } from "../deno.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { HANGS } from "../in-time.ts";
import { commandLine, type Outcome } from "./child.ts";

const test = suite("surroundings");

const [executable, [...main]] = commandLine([]);
const isDeno = process.versions.deno !== undefined;
const aboutNode = isDeno ? "about flags and limits of Node" : undefined;
const aboutDeno = isDeno ? undefined : "about permissions of Deno";
const isCompiled = import.meta.url.includes("/dist/test/");
const root = fileURLToPath(new URL(isCompiled ? "../../../" : "../../", import.meta.url));
const model = join(root, "models/reader-1m");

const folder = folderFor(test, "surroundings");
test.before(() => {
  fs.writeFileSync(join(folder, "a.txt"), "some text that is read here\n");
});

/** Runs `…prefix "$@"` in a shell, where "$@" is the program with its arguments, after flags for the runtime. */
function shell(prefix: string, flags: readonly string[], ...args: string[]): Outcome {
  const { status, stdout, stderr } = spawnSync(
    "bash",
    ["-c", `${prefix} "$@"`, "bash", executable, ...flags, ...main, ...args],
    { cwd: folder, encoding: "utf8", timeout: HANGS },
  );
  return { code: status, stdout, stderr };
}

/** Evaluation of a short text, which needs the engine. */
const evaluation = () => ["eval", model, "--data", join(folder, "a.txt"), "--memory", "0"];

/** Fails unless the program ended with exit code 1 and this one sentence, below warnings and progress. */
function refusedWith({ code, stdout, stderr }: Outcome, sentence: RegExp): void {
  assert.match(stderr, sentence);
  assert.not.match(stderr, /^\s+at /m, "a stack trace");
  assert.is(code, 1);
  assert.not.match(stdout, /perplexity/);
}

test.unless(aboutNode, "address space that is too small for a WebAssembly memory", () => {
  const outcome = shell("ulimit -v 8000000;", [], ...evaluation());
  // V8 of Node 24 makes do with fewer addresses, and may find enough.
  if (outcome.code !== 0) refusedWith(outcome, /^the system refuses the addresses .* \(ulimit -v\)$/m);
  else assert.ok(Number.parseInt(process.versions.node, 10) > 20);
  for (const option of ["--help", "--version"]) assert.is(shell("ulimit -v 8000000;", [], option).code, 0, option);
});

test.unless(aboutNode, "address space that holds one WebAssembly memory is enough", () => {
  const { code, stderr } = shell("ulimit -v 16000000;", [], ...evaluation());
  assert.is(code, 0, stderr);
  assert.is(shell("ulimit -v 16000000;", [], "--version").code, 0);
});

test.unless(aboutNode, "too few open files", () => {
  const sentence = /^.*(too few files may be open|too many files are open).*\(ulimit -n( 256)?\)/m;
  refusedWith(shell("ulimit -n 24;", [], ...evaluation()), sentence);
  assert.is(shell("ulimit -n 40;", [], "--help").code, 0, "help loads few files");
  const outcome = shell("ulimit -n 40;", [], ...evaluation());
  if (outcome.code !== 0) refusedWith(outcome, sentence); // Node 24 opens fewer at once
});

test.unless(aboutNode, "no WebAssembly", () => {
  refusedWith(shell("", ["--jitless"], ...evaluation()), /^the kernels need WebAssembly, which is missing here; .*$/m);
  for (const option of ["--help", "--version"]) assert.is(shell("", ["--jitless"], option).code, 0, option);
});

const permission = process.allowedNodeEnvironmentFlags.has("--permission")
  ? "--permission"
  : "--experimental-permission";

test.unless(aboutNode, "no permission to read anything but the entry", () => {
  const entry = main[0];
  refusedWith(
    shell("", [permission, `--allow-fs-read=${entry}`], "--help"),
    /^the program may not read its own files/m,
  );
});

test.unless(aboutNode, "no permission to start workers: one thread, unless more are asked for", () => {
  const flags = [permission, "--allow-fs-read=*"];
  const { code, stderr } = shell("", flags, ...evaluation());
  assert.is(code, 0, stderr);
  refusedWith(shell("", flags, ...evaluation(), "--threads", "2"), /^no worker thread can be started here: .*$/m);
});

test.unless(aboutNode, "no permission to start another program", () => {
  const line = ["corpus", "code", "--out", join(folder, "corpus")];
  const outcome = shell("", [permission, "--allow-fs-read=*", "--allow-fs-write=*"], ...line);
  refusedWith(outcome, /^Node does not permit it: .*ChildProcess/m);
});

test.unless(aboutNode, "an older Node", () => {
  const node18 = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.8' } })";
  const flags = ["--import", `data:text/javascript,${encodeURIComponent(node18)}`];
  refusedWith(shell("", flags, "--help"), /^memorizing needs Node 20.16 or newer, and this is Node 18.20.8$/m);
});

test("the entry imports nothing of the program before it has looked around", () => {
  const entry = fs.readFileSync(main[main.length - 1], "utf8");
  const statements = [...entry.matchAll(/^import .* from "([^"]+)"/gm)].map(([, from]) => from);
  assert.equal(statements, ["node:process"]);
});

test("a working directory that was deleted", () => {
  const prefix = "mkdir gone; cd gone; rmdir ../gone;";
  const outcome = shell(prefix, [], ...evaluation(), "--threads", "2");
  refusedWith(outcome, /the working directory|cwd|current directory/i);
});

test.unless(fs.existsSync("/dev/full") ? undefined : "needs /dev/full", "standard output that is full", () => {
  for (const args of [["--help"], evaluation()]) {
    const { code, stderr } = shell("exec >/dev/full;", [], ...args);
    assert.match(stderr, /^cannot write to standard output: the disk is full$/m);
    assert.not.match(stderr, /^\s+at /m);
    assert.is(code, 1);
  }
});

test("closing the output early is not an error", () => {
  const { stdout, stderr } = shell('f() { "$@" | head -c 1; }; f', [], "--help");
  assert.is(stdout, "M");
  assert.is(stderr, "");
});

const index = JSON.stringify(new URL("../../src/index.ts", import.meta.url).href);

test.unless(aboutDeno, "importing the library and computing with it needs no permission", () => {
  const script = `import { build, heap } from ${index}; console.log(build, heap.allocate(8) > 0);`;
  const { code, stdout, stderr } = deno(["run", "--no-prompt", "-"], root, script);
  assert.is(code, 0, stderr);
  assert.match(stdout, /^(plain|relaxed) true\n$/);
});

test.unless(aboutDeno, "a program that used threads ends by itself", () => {
  const script = `import { threadCount, useThreads } from ${index}; await useThreads(2); console.log(threadCount());`;
  const { code, stdout, stderr } = deno(["run", "-A", "-"], root, script);
  assert.is(code, 0, stderr);
  assert.is(stdout, "2\n");
});

test.unless(aboutDeno, "a file that may not be read", () => {
  const outcome = deno(["run", "--no-prompt", main[main.length - 1], ...evaluation()], root);
  refusedWith(outcome, /^Requires read access to .*$/m);
});
