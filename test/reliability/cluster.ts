/**
 * `npm run test:cluster`: the cells of an experiment, more than 24, computed by four workers while 50 workers, 5 commands and 3 servers are
 * killed. Prints what was killed and how often a cell was begun; exits 1 unless every table and every weight is that of one machine.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { Running } from "../cluster/processes.ts";
import { underFire } from "../cluster/under-fire.ts";
import { tinyOverrides, writeTinyCorpus } from "../experiments/tiny.ts";

const EXPERIMENT = process.argv[2] ?? "ablations";
const TINY = ["--budget", "900", "--eval-tokens", "60", "--set", ...tinyOverrides, "num_hidden_layers=4"];

const folder = mkdtempSync(join(tmpdir(), "cluster-"));
const corpus = join(folder, "math");
writeTinyCorpus(corpus);

function experiment(out: string, ...more: string[]): string[] {
  return ["experiment", EXPERIMENT, "--corpus", corpus, "--out", join(folder, out), ...more, ...TINY];
}

/** The table without how long it took and where, and the weights of all models. */
function outcome(out: string): string {
  const table = readFileSync(join(folder, out, EXPERIMENT, "table.md"), "utf8").replaceAll(
    /^- (hours|machine): .*$/gm,
    "",
  );
  const models = join(folder, out, "models");
  const weights = readdirSync(models, { recursive: true, encoding: "utf8" }).filter((path) =>
    path.endsWith(".safetensors"),
  );
  return [table, ...weights.sort().map((path) => `${path} ${readFileSync(join(models, path), "base64")}`)].join("\n");
}

try {
  mkdirSync(join(folder, "fire"));
  const line = (place: string) => experiment("together", "--cluster", place);
  const wanted = { worker: 50, client: 5, server: 3 };
  const { kills, begun } = await underFire({
    folder: join(folder, "fire"),
    line,
    workers: 4,
    wanted,
    pauses: [500, 5000],
  });
  const { cells } = JSON.parse(readFileSync(join(folder, "together", EXPERIMENT, "results.json"), "utf8"));
  console.log(`${cells.length} cells, begun ${begun} times, killed ${JSON.stringify(kills)}`);
  const alone = await new Running(...experiment("alone")).ended;
  if (alone.code !== 0) throw new Error(alone.output);
  const isSame = outcome("together") === outcome("alone");
  console.log(isSame ? "every table and weight is that of one machine" : `NOT that of one machine: see ${folder}`);
  if (isSame) rmSync(folder, { recursive: true });
  process.exitCode = isSame ? 0 : 1;
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
