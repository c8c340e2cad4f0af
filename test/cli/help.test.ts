/** Help for every command, and suggestions for mistyped names. */
import { spawnSync } from "node:child_process";
import process from "node:process";
import * as assert from "uvu/assert";
import { requestOf } from "../../src/cli/commands.ts";
import { commandNames, summaries } from "../../src/cli/summaries.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { commandLine, memorizing } from "./child.ts";

const test = suite("help");

function printed(...args: string[]): string {
  const { code, stdout, stderr } = memorizing(...args);
  assert.equal([code, stderr], [0, ""]);
  return stdout;
}

test("a mistyped command is answered with the command that was meant", () => {
  const meant: [typed: string, sentence: string][] = [
    ["evil", 'unknown command "evil"; did you mean memorizing eval?'],
    ["raed", 'unknown command "raed"; did you mean memorizing read?'],
    ["EVAL x", 'unknown command "EVAL"; did you mean memorizing eval?'],
    ["evaluate", 'unknown command "evaluate"; did you mean memorizing eval?'],
    ["gen", 'unknown command "gen"; did you mean memorizing generate?'],
    ["tokenize train", 'unknown command "tokenize"; did you mean memorizing tokenizer train?'],
    ["tokenizer", 'unknown command "tokenizer"; did you mean memorizing tokenizer train?'],
    ["corpus proof", 'unknown command "corpus proof"; did you mean memorizing corpus proofs?'],
    ["corpus", 'unknown command "corpus"; the commands are corpus code, corpus proofs, corpus names'],
    ["help evil", 'unknown command "evil"; did you mean memorizing eval?'],
  ];
  for (const [typed, sentence] of meant) {
    assert.is(
      refusal(() => requestOf(typed.split(" "))),
      `memorizing: ${sentence}`,
    );
  }
  assert.match(
    refusal(() => requestOf(["xyz"])),
    /unknown command "xyz"; the commands are tokenizer train, train, read, .*, demo$/,
  );
});

test("help, -h, --help and nothing at all list every command", () => {
  const help = printed("--help");
  for (const name of commandNames) assert.match(help, new RegExp(`^ +memorizing ${name} +${summaries[name]}$`, "m"));
  for (const args of [["-h"], ["help"], ["help", "--help"], []]) assert.is(printed(...args), help);
});

test("help and a command is that command's help", () => {
  assert.is(printed("help", "tokenizer", "train"), printed("tokenizer", "train", "-h"));
  assert.match(printed("help", "eval"), /Usage: memorizing eval MODEL --data/);
});

test("the first word of commands of two lists those that begin so", () => {
  const help = printed("corpus", "--help");
  assert.equal(
    help.match(/memorizing corpus \S+/g),
    ["code", "proofs", "names", "COMMAND"].map((word) => `memorizing corpus ${word}`),
  );
  assert.is(printed("help", "corpus"), help);
  assert.match(printed("tokenizer", "-h"), "memorizing tokenizer train  ");
});

test("-v and --version name version and runtime", () => {
  const { deno, node } = process.versions;
  const runtime = deno === undefined ? `Node ${node}` : `Deno ${deno}`;
  assert.match(printed("--version"), new RegExp(`^memorizing \\d+\\.\\d+\\.\\d+ \\(${runtime}\\)\\n$`));
  assert.is(printed("-v"), printed("--version"));
});

test("every command answers --help, under its own name", async () => {
  for (const name of commandNames) {
    const request = requestOf([...name.split(" "), "--help"]);
    assert.ok("load" in request);
    const command = await request.load();
    assert.equal([command.name, command.summary, request.argv], [`memorizing ${name}`, summaries[name], ["--help"]]);
  }
});

const noMask = process.versions.deno === undefined ? "" : "Deno has no option that takes WebAssembly away";

test.unless(noMask, "help and version load no engine: they work without WebAssembly", () => {
  for (const args of [["--help"], ["--version"], ["corpus", "--help"], ["nonsense"]]) {
    const [program, line] = commandLine(args);
    const { stdout, stderr } = spawnSync(program, ["--jitless", ...line], { encoding: "utf8" });
    assert.match(stdout + stderr, /memorizing/);
    assert.not.match(stderr, / {4}at /);
  }
});

test("a fault in the command line exits 2", () => {
  for (const args of [["evil"], ["corpus"], ["eval"], ["eval", "--dat"], ["generate", "M", "--tokens", "x"]]) {
    const { code, stdout } = memorizing(...args);
    assert.equal([code, stdout], [2, ""]);
  }
  assert.is(memorizing("generate", "nowhere").code, 1);
});
