/**
 * The benchmark command: reads the options, runs the families, prints tables, writes JSON. `npm run bench`,
 * `npm run bench:peers` and `npm run bench:step` run this file with different options.
 */
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative, resolve } from "node:path";
import { argv, execPath, exit, stderr, stdout } from "node:process";
import { parseArgs } from "node:util";
import { InputError } from "../src/base/errors.ts";
import { writeFileAtomic } from "../src/platform/atomic-write.ts";
import { build } from "../src/wasm/build.ts";
import { families } from "./families.ts";
import type { Family } from "./family.ts";
import { measureFamily, type Row } from "./harness.ts";
import { thisMachine, thisRuntime } from "./machine.ts";
import { measurePeak } from "./peak.ts";
import { installPeers } from "./peers/install.ts";
import { bringModel } from "./peers/model-file.ts";
import { describePython } from "./peers/python.ts";
import { isPython, peerPlans } from "./peers/registry.ts";
import { moduleCommand, root } from "./places.ts";
import type { ProcessPlan } from "./process.ts";
import { type Context, heading, type Report, section, withShares } from "./report.ts";

const names = families.map(({ name }) => name);

const help = `Measures our kernels, and other libraries' next to them, on this machine.

  npm run bench                      ours alone, the quick cases
  npm run bench:peers                ours and the peers; installs them into .bench-peers on first use
  npm run bench:step                 a training step and a generation step, against torch

Options, after " -- ":
  --only FAMILY[,FAMILY]             only these; the families are ${names.join(", ")}
  --cases TEXT                       only cases whose shape has this text, such as "a prompt"
  --json FILE                        also write the results to FILE
  --rounds N                         rounds; each times every implementation once (default: 7)
  --repeats N                        rounds of a case that may be repeated because other processes used the cores
                                     (default: twice as many as --rounds)
  --peers, --no-peers                with or without peers
  --without NAME[,NAME]              leaves out these peers or implementations of ours, such as hnswlib-node, which builds its graphs
                                     for minutes, or ours-f32, the slowest way of reading a long prompt
  --beside DIR                       also measures the build of another commit, in rows that are called "beside"
  --full, --quick                    with or without the slow cases (default: --full with peers)
  --help                             print this

MEMORIZING_KERNELS=plain in the environment measures the plain build on an engine that would run the relaxed one.
.bench-peers/node_modules/.bin/node dist/bench/main.js … measures on Node 24, which has relaxed SIMD.`;

interface Options {
  families: readonly Family[];
  /** Text that the shape of a case must have. */
  cases: string;
  json: string | undefined;
  rounds: number;
  repeats: number;
  peers: boolean;
  without: readonly string[];
  /** The directory of another build. */
  beside: string | undefined;
  quick: boolean;
}

/** Reads the options. The last of several contradicting ones counts, so arguments can be appended to an npm script. */
function parseOptions(args: string[]): Options | "help" {
  const { values } = parse(args);
  if (values.help) return "help";
  const rounds = countOf("rounds", values.rounds, 1);
  const peers = values.peers ?? false;
  return {
    families: values.only === undefined ? families : values.only.split(",").map(familyNamed),
    cases: values.cases,
    json: values.json,
    rounds,
    repeats: values.repeats === undefined ? 2 * rounds : countOf("repeats", values.repeats, 0),
    peers,
    without: (values.without?.split(",") ?? []).map(implementationNamed),
    beside: values.beside === undefined ? undefined : builtAt(values.beside),
    quick: values.quick ?? !(values.full ?? peers),
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowNegative: true,
      options: {
        only: { type: "string" },
        cases: { type: "string", default: "" },
        json: { type: "string" },
        rounds: { type: "string", default: "7" },
        repeats: { type: "string" },
        peers: { type: "boolean" },
        without: { type: "string" },
        beside: { type: "string" },
        full: { type: "boolean" },
        quick: { type: "boolean" },
        help: { type: "boolean" },
      },
    });
  } catch (error) {
    throw new InputError(`${(error as Error).message}; --help lists the options`);
  }
}

function countOf(option: string, text: string, least: number): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count >= least) return count;
  throw new InputError(`--${option} must be a whole number of at least ${least}, not "${text}"`);
}

function familyNamed(name: string): Family {
  const family = families.find((family) => family.name === name);
  if (family === undefined) throw new InputError(`unknown family "${name}"; the families are ${names.join(", ")}`);
  return family;
}

function implementationNamed(name: string): string {
  const known = new Set(families.flatMap(({ ours, peers }) => [...peers, ...Object.keys(ours)]));
  if (known.has(name)) return name;
  throw new InputError(`--without: "${name}" is not known; known are ${[...known].join(", ")}`);
}

function builtAt(directory: string): string {
  if (existsSync(oursOf(directory))) return directory;
  throw new InputError(
    `--beside needs a directory in which "npm run build" has run, but ${oursOf(directory)} is missing`,
  );
}

/** The program of our implementations in a build. */
function oursOf(directory: string): string {
  return join(resolve(directory), "dist/bench/ours.js");
}

/** Thread counts at which our kernels are measured. */
const THREADS = [1, 2];

/** Returns the plans of a family, ours first, so that the first is the reference; then ours of the build at `beside`. */
function plansFor(family: Family, peers: ReadonlySet<string>, { without, beside }: Options): ProcessPlan[] {
  const kept = Object.keys(family.ours).filter((role) => !without.includes(role));
  if (kept.length === 0)
    throw new InputError(`--without leaves nothing of ours in ${family.name} to compare others with`);
  const roles = kept.flatMap((role) => THREADS.map((threads) => ({ role, threads })));
  const ours = roles.map((plan) => ({ ...plan, impl: plan.role, command: moduleCommand("ours") }));
  if (beside !== undefined) {
    const command = [execPath, oursOf(beside)];
    ours.push(...roles.map((plan) => ({ ...plan, impl: plan.role.replace("ours", "beside"), command })));
  }
  const theirs = family.peers.filter((peer) => peers.has(peer)).flatMap(peerPlans);
  return [...ours, ...theirs].filter(({ threads }) => threads <= availableParallelism());
}

/** Measures and reports; returns whether every result agrees with ours. */
async function main(options: Options): Promise<boolean> {
  const say = (line: string) => stderr.write(`${line}\n`);
  const { without } = options;
  const all = options.peers ? options.families.flatMap(({ peers }) => peers) : [];
  const peers = new Set(all.filter((peer) => !without.includes(peer)));
  if (peers.size > 0) installPeers(peers, say);
  const lacksModel = options.families.some(({ usesModel }) => usesModel) && !bringModel(say);
  const context: Context = {
    machine: thisMachine(),
    runtime: thisRuntime(build),
    date: new Date().toISOString(),
    command: [relative(root, argv[1]), ...argv.slice(2)].join(" "),
    python: [...peers].some(isPython) ? describePython() : undefined,
    peak: await measurePeak(build === "relaxed"),
  };
  const versions: Record<string, string> = {};
  stdout.write(`${heading(context)}\n`);

  const rows: Row[] = [];
  for (const family of options.families) {
    if (family.usesModel && lacksModel) {
      stdout.write(`\n## ${family.name}\n\nNot measured: models/smollm2.sh could not bring the model.\n`);
      continue;
    }
    const measured = await measureFamily(family, plansFor(family, peers, options), { ...options, say });
    Object.assign(versions, measured.versions);
    rows.push(...measured.rows);
    stdout.write(`\n${section(family, measured, context.peak)}\n`);
    // After every family, so that an interrupted run keeps what it has measured.
    if (options.json !== undefined) {
      const runtime = { ...context.runtime, versions };
      const report: Report = { ...context, runtime, rows: withShares(rows, context.peak) };
      writeFileAtomic(options.json, `${JSON.stringify(report, null, 1)}\n`);
    }
  }
  if (rows.length === 0 && options.cases !== "") throw new InputError(`no case has "${options.cases}" in its shape`);
  return rows.every(({ agrees }) => agrees);
}

try {
  const options = parseOptions(argv.slice(2));
  if (options === "help") stdout.write(`${help}\n`);
  else if (!(await main(options))) {
    throw new InputError("a result marked WRONG differs from ours by more than its case allows");
  }
} catch (error) {
  if (!(error instanceof InputError)) throw error;
  stderr.write(`${error.message}\n`);
  exit(1);
}
