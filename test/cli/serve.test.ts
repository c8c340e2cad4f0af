/** `memorizing serve` as a process: it says where it answers, and ends in good order when it is told to. */
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { readMemory } from "../../src/memory/disk.ts";
import { saveModel } from "../../src/train/checkpoint.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { tinyModel, tokenizer } from "../serve/running.ts";
import { commandLine, memorizing } from "./child.ts";

const test = suite("serve as a process");
const folder = folderFor(test, "serve-process");
const at = (name: string) => join(folder, name);
test.before(() => saveModel(at("tiny"), tinyModel, tokenizer));

interface Started {
  /** Sends it a signal. Deno calls a process that it sent one itself ended by that, whatever its exit code. */
  kill(signal: NodeJS.Signals): void;
  readonly address: string;
  /** The exit code and all that was written to standard error. */
  readonly ended: Promise<{ code: number | null; stderr: string }>;
}

/** Starts a server of the tiny model on a free port. */
async function start(...options: string[]): Promise<Started> {
  const [command, line] = commandLine(["serve", at("tiny"), "--port", "0", "--threads", "1", ...options]);
  const child = spawn(command, line);
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (piece: string) => {
    stderr += piece;
  });
  const ended = new Promise<{ code: number | null; stderr: string }>((resolve) =>
    child.on("close", (code) => resolve({ code, stderr })),
  );
  const line1 = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding("utf8").once("data", resolve);
    ended.then(() => reject(new Error(stderr)));
  });
  const [, address] = /^tiny answers at (http:\/\/127\.0\.0\.1:\d+)\/v1\n$/.exec(line1) ?? [];
  assert.ok(address, line1);
  return { kill: (signal) => process.kill(child.pid!, signal), address, ended };
}

const post = (address: string, path: string, body: object) =>
  fetch(`${address}${path}`, { method: "POST", body: JSON.stringify(body) });

test("a small example, written out: it answers, and kill ends it", async () => {
  const { kill, address, ended } = await start();
  const { data } = await (await fetch(`${address}/v1/models`)).json();
  assert.is(data[0].id, "tiny");
  kill("SIGTERM");
  assert.equal(await ended, { code: 0, stderr: "" });
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} in the midst of an answer ends it with a sentence, and memories are saved`, async () => {
    const memories = at(signal);
    const { kill, address, ended } = await start("--memories", memories, "--max-tokens", "1000000");
    const put = await fetch(`${address}/v1/memories/a`, { method: "PUT", body: "one fish" });
    assert.is(put.status, 201);
    const stream = await post(address, "/v1/completions", { prompt: "a", max_tokens: 1_000_000, stream: true });
    const waiting = post(address, "/v1/memories/a/documents", {}).then(
      ({ status }) => status,
      () => "cut off",
    );
    const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
    await reader.read();
    await (await fetch(`${address}/v1/models`)).text(); // by now the other request waits
    kill(signal);
    let last = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) last = part.value;
    assert.match(last, /"message":"the server is stopping","type":"server_error"/);
    assert.is(await waiting, 503);
    assert.equal(await ended, { code: 0, stderr: "" });
    assert.equal(fs.readdirSync(memories), ["a.memory.safetensors"]);
    assert.is(readMemory(`${memories}/a.memory.safetensors`).length, 8);
  });
}

test("memories that read saved are served, and one that serve saved is loaded", async () => {
  fs.writeFileSync(at("notes.txt"), "one fish, two fish");
  const saved = at("mine/notes.memory.safetensors");
  assert.is(memorizing("read", at("tiny"), at("notes.txt"), "--save", saved).code, 0);
  const { kill, address, ended } = await start("--memories", at("mine"), "--load", saved);
  const ask = async (more: object) =>
    (await (await post(address, "/v1/completions", { prompt: "red", seed: 4, max_tokens: 9, ...more })).json())
      .choices[0];
  assert.is((await ask({ memory: "notes" })).text, (await ask({})).text);
  await fetch(`${address}/v1/memories/more`, { method: "PUT", body: "blue fish" });
  kill("SIGTERM");
  assert.is((await ended).code, 0);
  const more = at("mine/more.memory.safetensors");
  assert.is(memorizing("generate", at("tiny"), "--load", more, "--tokens", "3").code, 0);
});

test("a port in use is one sentence and exit code 1", async () => {
  const { kill, address, ended } = await start();
  const port = new URL(address).port;
  const { code, stdout, stderr } = memorizing("serve", at("tiny"), "--port", port, "--threads", "1");
  assert.equal([code, stdout], [1, ""]);
  assert.is(
    stderr,
    `cannot listen on port ${port} of 127.0.0.1: another program listens there; choose another --port\n`,
  );
  kill("SIGTERM");
  await ended;
});

test("a directory that cannot be one, and a memory of another model, are refused before anything is served", () => {
  fs.writeFileSync(at("file"), "text");
  const refused = memorizing("serve", at("tiny"), "--port", "0", "--memories", at("file"));
  assert.is(refused.code, 1);
  assert.match(refused.stderr, /^cannot make .*file: /);
  const wrongFile = memorizing("serve", at("tiny"), "--port", "0", "--load", at("file"));
  assert.is(wrongFile.code, 1);
  assert.not.match(wrongFile.stderr, / {4}at /);
  assert.is(memorizing("serve", at("tiny"), "--port", "70000").code, 2);
});
