/**
 * Kills servers of the bundled model at random moments of their work: `node dist/test/reliability/serve-stops.js [--stops N]`.
 * Prints how long each took to end, and exits 1 if one did not end by itself, or left a memory that cannot be read.
 */
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { scriptOptions } from "../../bench/script.ts";
import { Random } from "../../src/base/random.ts";
import { readMemory } from "../../src/memory/disk.ts";
import { commandLine } from "../cli/child.ts";

const random = new Random(1);
const sentence = "The key of the house lies under the third stone, and the stones were laid by a neighbour. ";

const send = (address: string, method: string, path: string, body: string) =>
  fetch(`${address}${path}`, { method, body }).catch(() => undefined);

/** Work in the midst of which a server is killed. */
const works: Record<string, (address: string) => void> = {
  "reading a long document": (address) => void send(address, "PUT", "/memories/long", sentence.repeat(5000)),
  "reading and saving many": (address) => {
    for (let i = 0; i < 30; i++) send(address, "PUT", `/memories/m${i % 4}`, sentence.repeat(30));
  },
  "writing with a memory": (address) =>
    void send(address, "POST", "/completions", '{"prompt":"The key","max_tokens":4096,"memory":"base"}'),
};

/** Kills one server, and returns the milliseconds that it took to end, and its exit code. */
async function stop(directory: string, work: (address: string) => void): Promise<[number, number | null]> {
  const [command, line] = commandLine(["serve", "reader-1m", "--port", "0", "--memories", directory]);
  const child = spawn(command, line, { stdio: ["ignore", "pipe", "inherit"] });
  const [address] = await new Promise<string[]>((resolve) =>
    child.stdout.once("data", (said) => resolve(String(said).match(/http\S+/) ?? [])),
  );
  await send(address, "PUT", "/memories/base", sentence.repeat(50));
  work(address);
  await new Promise((resolve) => setTimeout(resolve, 100 + random.next() * 2000));
  const before = performance.now();
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  child.kill("SIGTERM");
  const code = await ended;
  return [performance.now() - before, code];
}

const { values } = scriptOptions({ options: { stops: { type: "string", default: "24" } } });
const directory = fs.mkdtempSync(join(tmpdir(), "serve-stops-"));
const names = Object.keys(works);
const times = new Map<string, number[]>(names.map((name) => [name, []]));
for (let i = 0; i < Number(values.stops); i++) {
  const name = names[i % names.length];
  const [time, code] = await stop(directory, works[name]);
  times.get(name)?.push(time);
  if (code !== 0) process.exitCode = 1;
}
for (const file of fs.readdirSync(directory)) readMemory(join(directory, file));
fs.rmSync(directory, { recursive: true });
for (const [name, all] of times) {
  const sorted = all.toSorted((a, b) => a - b).map((time) => `${(time / 1000).toFixed(2)} s`);
  console.log(`${name}: ${sorted.length} stops, median ${sorted[sorted.length >> 1]}, longest ${sorted.at(-1)}`);
}
