/**
 * How much faster two workers are than one: `node dist/test/reliability/efficiency.js [REPETITIONS] [TOKENS]` has eight cells of an experiment
 * computed by one worker with one thread, then by two, each time from nothing, again and again. The ratio of the medians counts on a machine of two
 * cores that does nothing else: how busy its processors were is printed, and with one worker that is half. On a busy machine the processor time
 * of all processes together says what the second worker costs.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { timeOfAll } from "../../bench/others.ts";
import { ablations } from "../../src/experiments/ablations.ts";
import { NatsServer, noServer } from "../cluster/nats-server.ts";
import { Running } from "../cluster/processes.ts";
import { processorSeconds } from "./processor-time.ts";
import { SmallExperiment } from "./small-experiment.ts";

/** Cells that begin with no other one's model. */
const CELLS = 8;
/** Each training takes some seconds on a core. */
const [REPETITIONS, TOKENS] = [3, 60_000].map((given, index) => Number(process.argv[2 + index] ?? given));

interface Measured {
  readonly seconds: number;
  /** Seconds of processor time of workers, client and server. */
  readonly used: number;
  /** Share of all processors that anybody used. */
  readonly busy: number;
}

async function measure(folder: string, workers: number): Promise<Measured> {
  mkdirSync(folder, { recursive: true });
  const cells = ablations.cells.filter(({ from }) => from === undefined).map(({ name }) => name);
  const experiment = new SmallExperiment(folder, ablations.name, cells.slice(0, CELLS), TOKENS);
  const before = processorSeconds();
  const server = noServer === undefined ? await NatsServer.start(folder) : undefined;
  const place = server?.url ?? join(folder, "exchange");
  let [milliseconds, busy] = [0, 0];
  try {
    const running = Array.from({ length: workers }, (_, index) => {
      return new Running("worker", place, "--dir", join(folder, `worker-${index}`), "--threads", "1");
    });
    for (const worker of running) await worker.says("works for");
    const [began, used] = [performance.now(), timeOfAll(readFileSync("/proc/stat", "latin1"))];
    const { code, output } = await new Running(...experiment.line("out", "--cluster", place)).ended;
    if (code !== 0) throw new Error(output);
    milliseconds = performance.now() - began;
    busy = (timeOfAll(readFileSync("/proc/stat", "latin1")) - used) / milliseconds / cpus().length;
    for (const worker of running) await worker.end("SIGINT");
  } finally {
    await Running.endAll();
    await server?.kill();
    rmSync(folder, { recursive: true, maxRetries: 50 });
  }
  return { seconds: milliseconds / 1000, used: processorSeconds() - before, busy };
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

const folder = mkdtempSync(join(tmpdir(), "efficiency-"));
const measured: Measured[][] = [[], []];
try {
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    for (const workers of [1, 2]) {
      const found = await measure(join(folder, String(workers)), workers);
      measured[workers - 1].push(found);
      const [seconds, used, busy] = [found.seconds.toFixed(1), found.used.toFixed(1), (100 * found.busy).toFixed(0)];
      const who = workers === 1 ? "1 worker" : `${workers} workers`;
      console.log(`${who}: ${seconds} s, ${used} s of processor time, processors ${busy} % busy`);
    }
  }
  const [one, two] = measured.map((all) => ({
    seconds: median(all.map(({ seconds }) => seconds)),
    used: median(all.map(({ used }) => used)),
  }));
  const times = (one.seconds / two.seconds).toFixed(2);
  console.log(
    `two workers are ${times} times as fast as one, and take ${(two.used / one.used).toFixed(2)} of its processor time`,
  );
} finally {
  rmSync(folder, { recursive: true, maxRetries: 50 });
}
