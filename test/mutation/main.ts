/**
 * The mutation check: `npm run test:mutation -- [--mutants 200] [--seed 1] [--only TEXT] [--resume] [--out FILE]`.
 *
 * Breaks one line at a time of kernels, ops, memory and readers, equally often in each room, in a copy of the project, and reports the
 * share that some test notices, and the mutants that none does. Exits 1 if that share is below 90 %. Results are appended to
 * FILE as they come; with `--resume` only survivors of those found there are judged again. `--only` breaks files whose path has TEXT in it.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Random } from "../../src/base/random.ts";
import { duration } from "../../src/report/progress.ts";
import { isEquivalent } from "./equivalents.ts";
import { type Mutant, mutantsByLine } from "./mutants.ts";
import { describe, isCaught, type Result, ResultLog, report } from "./results.ts";
import { type Room, rooms } from "./rooms.ts";
import { Workshop } from "./workshop.ts";

const GOAL = 0.9;
/** The project's root, seen from dist/test/mutation/. */
const root = fileURLToPath(new URL("../../../", import.meta.url));

const { values: flags } = parseArgs({
  options: {
    mutants: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    only: { type: "string", default: "" },
    out: { type: "string", default: join(root, "build/mutation.jsonl") },
    resume: { type: "boolean", default: false },
  },
});
const wanted = Number(flags.mutants);
if (!(wanted >= 1)) throw new Error(`--mutants must be a number of mutants, not ${flags.mutants}`);
const log = new ResultLog(flags.out, flags.resume);
const workshop = new Workshop();
process.on("exit", () => workshop.close());
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

/** Mutants of a room in random order, one of each line. */
function* shuffled({ files }: Room, random: Random): Generator<Mutant> {
  const chosen = files.filter((file) => file.includes(flags.only));
  const lines = chosen.flatMap((file) => mutantsByLine(file, readFileSync(join(root, file), "utf8")));
  const left = lines.filter((mutants) => mutants.length > 0);
  const take = <T>(list: T[]) => list.splice(random.uint32() % list.length, 1)[0];
  while (left.length > 0) yield take(take(left));
}

/** The room's next mutant that compiles, judged; undefined if there is none. */
async function nextResult(room: Room, mutants: Generator<Mutant>): Promise<Result | undefined> {
  for (let next = mutants.next(); !next.done; next = mutants.next()) {
    const mutant = next.value;
    if (isEquivalent(mutant)) continue;
    const earlier = log.find(mutant);
    const result = earlier ?? {
      room: room.name,
      ...mutant,
      ...(await workshop.judge(mutant, room.testsOf(mutant.file))),
    };
    if (earlier === undefined) log.add(result);
    if (result.fate !== "invalid") return result;
  }
  return undefined;
}

/** Judges the wanted number of mutants, taking the rooms in turn. */
async function judgeAll(): Promise<Result[]> {
  const results: Result[] = [];
  const random = new Random(Number(flags.seed));
  let open = rooms(root).map((room) => ({ room, mutants: shuffled(room, new Random(random.uint32())) }));
  const start = performance.now();
  for (let turn = 0; results.length < wanted && open.length > 0; turn++) {
    const entry = open[turn % open.length];
    const result = await nextResult(entry.room, entry.mutants);
    if (result === undefined) open = open.filter((other) => other !== entry);
    else show(results.push(result), result, results.filter(isCaught).length, start);
  }
  return results;
}

function show(done: number, result: Result, caught: number, start: number): void {
  const left = (((performance.now() - start) / 1000) * (wanted - done)) / done;
  console.log(`${done} of ${wanted}, ${caught} caught, ${duration(left)} left  ${result.fate}  ${describe(result)}`);
}

await workshop.open(root);
const unbroken = await workshop.runTests([...new Set(rooms(root).flatMap((room) => room.files.flatMap(room.testsOf)))]);
if (unbroken.fate !== "survived") throw new Error(`unbroken, it does not pass: ${unbroken.test ?? unbroken.fate}`);
const results = await judgeAll();
console.log(`\n${report(results)}\n\n${log.path}`);
if (results.filter(isCaught).length < GOAL * results.length) process.exitCode = 1;
