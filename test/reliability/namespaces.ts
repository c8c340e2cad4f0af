/**
 * Workers far away: `node dist/test/reliability/namespaces.js` has four workers in four network namespaces, with 20 ms in each direction and
 * 100 Mbit/s, compute the cells of an experiment, and exits 1 unless every table and weight is that of one machine. With
 * `--measure` it prints bench/results/exchange.json instead: the exchange without a distance, and over such a link.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { ExchangePlace, ExchangeReport } from "../../bench/exchange-report.ts";
import { ablations } from "../../src/experiments/ablations.ts";
import { scriptLine } from "../cli/child.ts";
import { NatsServer, noServer } from "../cluster/nats-server.ts";
import { Running } from "../cluster/processes.ts";
import { DistantMachines, RunningThere, SERVER_ADDRESS } from "./distant-machines.ts";
import { SmallExperiment } from "./small-experiment.ts";

const WORKERS = 4;
const CELLS = 24;
const LINK = { delay: 20, rate: 100 };

const obstacle = noServer ?? DistantMachines.obstacle();
if (obstacle !== undefined) console.log(`skipped: no network namespaces here (${obstacle})`);
else if (process.argv.includes("--measure")) await withMachines(1, measure);
else await withMachines(WORKERS, sweep);

async function withMachines(
  count: number,
  work: (folder: string, server: NatsServer, machines: DistantMachines) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "namespaces-"));
  const machines = new DistantMachines(count, LINK);
  const server = await NatsServer.start(folder, [], SERVER_ADDRESS);
  try {
    await work(folder, server, machines);
  } finally {
    await Running.endAll();
    await server.kill();
    machines.end();
    rmSync(folder, { recursive: true, maxRetries: 50 });
  }
}

async function sweep(folder: string, server: NatsServer, machines: DistantMachines): Promise<void> {
  const cells = ablations.cells.slice(0, CELLS).map(({ name }) => name);
  const experiment = new SmallExperiment(folder, ablations.name, cells);
  for (const [index, url] of (await machines.reach(server.url)).entries()) {
    const own = ["--dir", join(folder, `worker-${index}`), "--threads", "1"];
    new RunningThere(...machines.prefix(index), "--", "worker", url, ...own);
  }
  const began = performance.now();
  const together = await new Running(...experiment.line("together", "--cluster", server.url)).ended;
  if (together.code !== 0) throw new Error(together.output);
  const seconds = (performance.now() - began) / 1000;
  const alone = await new Running(...experiment.line("alone")).ended;
  if (alone.code !== 0) throw new Error(alone.output);
  const isSame = experiment.outcome("together") === experiment.outcome("alone");
  const means = machines.hasNetem ? "tc netem" : "a relay, since the kernel has no netem";
  const where = `${WORKERS} machines of ${LINK.delay} ms and ${LINK.rate} Mbit/s in each direction (by ${means})`;
  console.log(`${experiment.finished("together")} cells on ${where} in ${seconds.toFixed(0)} s`);
  console.log(isSame ? "every table and weight is that of one machine" : "NOT that of one machine");
  process.exitCode = isSame ? 0 : 1;
}

async function measure(_folder: string, server: NatsServer, machines: DistantMachines): Promise<void> {
  const [url] = await machines.reach(server.url);
  const name = `${2 * LINK.delay} ms, ${LINK.rate} Mbit/s`;
  const report: ExchangeReport = {
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus()[0].model}, ${cpus().length} cores`,
    link: machines.hasNetem ? "tc netem" : "relay",
    places: [
      await placeOf([server.url, "this machine"]),
      await placeOf([url, name, `${LINK.rate}`], machines.prefix(0)),
    ],
  };
  console.log(JSON.stringify(report, undefined, 2));
}

/** What bench/exchange.ts prints when it runs behind `prefix`. */
async function placeOf(args: readonly string[], prefix: readonly string[] = []): Promise<ExchangePlace> {
  const [node, script] = scriptLine("bench/exchange", args);
  const [command, ...line] = [...prefix, node, ...script];
  const child = spawn(command, line, { stdio: ["ignore", "pipe", "inherit"] }); // the link works meanwhile
  let output = "";
  for await (const text of child.stdout.setEncoding("utf8")) output += text;
  return JSON.parse(output);
}
