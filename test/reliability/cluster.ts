/**
 * `npm run test:cluster`: the cells of an experiment, computed by four workers while 50 workers, 5 commands and 3 servers are
 * killed. Prints what was killed and how often a cell was begun; exits 1 unless every table and every weight is that of one machine.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { Running } from "../cluster/processes.ts";
import { underFire } from "../cluster/under-fire.ts";
import { SmallExperiment } from "./small-experiment.ts";

const folder = mkdtempSync(join(tmpdir(), "cluster-"));
const experiment = new SmallExperiment(folder, process.argv[2] ?? "ablations");

try {
  mkdirSync(join(folder, "fire"));
  const line = (place: string) => experiment.line("together", "--cluster", place);
  const wanted = { worker: 50, client: 5, server: 3 };
  const { kills, begun } = await underFire({ folder: join(folder, "fire"), line, workers: 4, wanted, writes: 96 });
  console.log(`${experiment.finished("together")} cells, begun ${begun} times, killed ${JSON.stringify(kills)}`);
  const alone = await new Running(...experiment.line("alone")).ended;
  if (alone.code !== 0) throw new Error(alone.output);
  const isSame = experiment.outcome("together") === experiment.outcome("alone");
  console.log(isSame ? "every table and weight is that of one machine" : `NOT that of one machine: see ${folder}`);
  if (isSame) rmSync(folder, { recursive: true });
  process.exitCode = isSame ? 0 : 1;
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
