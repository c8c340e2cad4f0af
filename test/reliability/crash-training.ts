/**
 * A training that is killed again and again and one that never was must end bit-identical. Used by the command
 * `npm run test:crash` and, with few kills, by the suite.
 *
 * The killing is SIGKILL, which no process can answer. Of four kills one waits for a checkpoint that is being written, one for
 * an evaluation, one for a step, and one comes at any time, the program's start and its reading of a checkpoint included.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { join } from "node:path";
import type { Random } from "../../src/base/random.ts";
import { commandLine } from "../cli/child.ts";

/** Where kills found the training. */
export type KillPlace = (typeof KILL_PLACES)[number];
export type KillCounts = Record<KillPlace, number>;
const THE_START = "the start or the reading of a checkpoint";
const KILL_PLACES = [THE_START, "a step", "an evaluation", "a checkpoint's writing"] as const;
/** Events that successive kills wait for. */
const WANTED = ["any place", "a checkpoint's writing", "a step", "an evaluation"] as const;
/** A few steps of the training. */
const MOMENT_MS = 60;

/** A process that trains. */
interface Life {
  readonly isOver: () => boolean;
  readonly place: () => KillPlace;
}

const EVALUATE_EVERY = 4;

/** Dropout, cache, memory, smeared keys, accumulation: everything that a checkpoint has to bring back. A step takes milliseconds. */
const MODEL = ["hidden_size=12", "num_hidden_layers=2", "num_attention_heads=2", "head_dim=5", "intermediate_size=19"];
const STATE = [
  "segment_length=7",
  "xl_cache_length=9",
  "memory_layers=1",
  "memory_size=40",
  "dropout=0.1",
  "smear_keys=all",
];
const ROWS = ["--batch-size", "2", "--gradient-accumulation", "2", "--warmup", "3", "--learning-rate", "0.004"];
const OFTEN = [
  "--checkpoint-every",
  "3",
  "--keep",
  "2",
  "--eval-every",
  String(EVALUATE_EVERY),
  "--staleness-every",
  "6",
];

/** The arguments of a training on documents that are put into `folder`. */
export function trainingArguments(folder: string, out: string, steps: number, threads = 1): string[] {
  const data = join(folder, "data");
  fs.mkdirSync(data, { recursive: true });
  fs.writeFileSync(join(data, "fish.txt"), "one fish, two fish, red fish, blue fish. ".repeat(6));
  fs.writeFileSync(join(data, "trees.txt"), "A sower went out to sow; some seeds fell on the path. ".repeat(3));
  fs.writeFileSync(join(data, "short.txt"), "brief");
  const places = ["--data", data, "--eval-data", data, "--out", out];
  const length = ["--steps", String(steps), "--threads", String(threads)];
  return ["train", ...places, ...length, ...ROWS, ...OFTEN, "--set", ...MODEL, ...STATE];
}

/** Trains to the end. @throws Error with what the program said, if it fails */
export async function trainToEnd(args: readonly string[]): Promise<void> {
  const life = begin(args);
  const [code] = await once(life.child, "close");
  if (code !== 0) throw new Error(`the training ended with exit code ${code}: ${life.said()}`);
}

/** Kills the training until it was killed `kills` times or has come to its end, resuming each time; does not finish it. */
export async function trainUnderFire(args: readonly string[], kills: number, random: Random): Promise<KillCounts> {
  const out = args[args.indexOf("--out") + 1];
  const counts = Object.fromEntries(KILL_PLACES.map((place) => [place, 0])) as KillCounts;
  let startMs = 500; // as the last start took
  for (let killed = 0; killed < kills; killed++) {
    const before = metricsIn(out);
    const { child, said } = begin(args);
    const closed = once(child, "close");
    const life = { isOver: () => child.exitCode !== null, place: () => placeOf(out, child.pid as number, before) };
    const wanted = WANTED[killed % WANTED.length];
    if (wanted === "any place") await pause(random.next() * 2 * startMs);
    else startMs = await rightMoment(life, wanted, random);
    child.kill("SIGKILL");
    const [code] = await closed;
    if (code === 0) return counts; // it was faster
    if (code !== null) throw new Error(`the training ended with exit code ${code}: ${said()}`);
    counts[life.place()]++;
  }
  return counts;
}

/** Goes on with the run if it has a checkpoint, begins it if not. */
function begin(args: readonly string[]): { child: ChildProcess; said: () => string } {
  const out = args[args.indexOf("--out") + 1];
  const resumes = namesIn(out).some((name) => /^checkpoint-\d+$/.test(name));
  const [command, parameters] = commandLine(resumes ? [...args, "--resume"] : args);
  const child = spawn(command, parameters, { stdio: ["ignore", "ignore", "pipe"] });
  let text = "";
  child.stderr?.on("data", (piece) => (text += piece));
  return { child, said: () => text };
}

/** Waits until the life has begun, a moment more, and then for the wanted place. Resolves to how long the beginning took. */
async function rightMoment(life: Life, wanted: KillPlace, random: Random): Promise<number> {
  const start = performance.now();
  while (!life.isOver() && life.place() === THE_START) await pause(1);
  const startMs = performance.now() - start;
  await pause(random.next() * MOMENT_MS);
  while (!life.isOver() && life.place() !== wanted) await pause(1);
  await pause(random.next() * 5);
  return startMs;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The work that process `pid` does, or did last, in `out`, where the metrics were `before` when it began. */
function placeOf(out: string, pid: number, before: string): KillPlace {
  const unfinished = new RegExp(`^(checkpoint-\\d+|model\\.safetensors)\\.tmp-${pid}-`);
  if (namesIn(out).some((name) => unfinished.test(name))) return "a checkpoint's writing";
  const now = metricsIn(out);
  if (now === before) return THE_START;
  const last = linesOf(now).at(-1);
  const awaitsEvaluation = last !== undefined && !("evaluation" in last) && Number(last.step) % EVALUATE_EVERY === 0;
  return awaitsEvaluation ? "an evaluation" : "a step";
}

/** Differences of `b` from `a`, in words. Times are ignored. */
export function differences(a: string, b: string): string[] {
  const [one, other] = [filesOf(a), filesOf(b)];
  const names = new Set([...one.keys(), ...other.keys()]);
  return [...names].filter((name) => one.get(name) !== other.get(name));
}

/** Every file of a run by name, with its content without what a clock says. */
function filesOf(directory: string): Map<string, string> {
  const names = fs.readdirSync(directory, { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => fs.statSync(join(directory, name)).isFile());
  const timeless = files.filter((name) => !name.endsWith("checksums.json") && name !== "staleness.html");
  return new Map(timeless.map((name) => [name, withoutTimes(directory, name)]));
}

function withoutTimes(directory: string, name: string): string {
  if (name === "metrics.jsonl")
    return JSON.stringify(
      linesOf(metricsIn(directory)).map(({ seconds, secondsLeft, tokensPerSecond, ...rest }) => rest),
    );
  const bytes = fs.readFileSync(join(directory, name));
  if (!name.endsWith("trainer.json")) return bytes.toString("latin1");
  const { seconds, ...rest } = JSON.parse(bytes.toString());
  return JSON.stringify(rest);
}

function metricsIn(directory: string): string {
  const path = join(directory, "metrics.jsonl");
  return fs.existsSync(path) ? fs.readFileSync(path, "utf8") : "";
}

/** The whole lines. */
function linesOf(metrics: string): Record<string, unknown>[] {
  const whole = metrics.split("\n").slice(0, -1);
  return whole.map((line) => JSON.parse(line));
}

function namesIn(directory: string): string[] {
  return fs.existsSync(directory) ? fs.readdirSync(directory) : [];
}
