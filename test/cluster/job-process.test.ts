/** The process that computes jobs: what it refuses, and what a worker hears when it is killed. */
import { join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { JobProcess } from "../../src/cli/job-process.ts";
import { nameOf } from "../../src/cluster/blocks.ts";
import type { Job } from "../../src/cluster/jobs.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";

const test = suite("job process");

const folder = folderFor(test, "job-process");
const inNode = process.versions.deno === undefined ? undefined : "it is started as Node starts it";
const name = nameOf(new Uint8Array([1]));
const connection = { place: join(folder, "exchange"), worker: "this", lease: 1000 };

function errorOf(jobs: JobProcess, kind: string, settings: Job["settings"], signal = new AbortController().signal) {
  const job = { kind, program: name, inputs: {}, after: {}, settings };
  return jobs.compute({ name, job, inputs: {} }, signal).then(
    () => "it was computed",
    (error: Error) => error.message,
  );
}

test.unless(inNode, "it computes only what the program has, and lives on", async () => {
  const jobs = new JobProcess(join(folder, "refused"), 1, connection);
  const cell = {
    experiment: "gates",
    cell: "smeared-xl",
    corpus: "math",
    budget: 1,
    seed: 0,
    evalTokens: 1,
    overrides: [],
  };
  const wrong: readonly (readonly [string, Job["settings"], string | RegExp])[] = [
    ["shell", {}, 'this program has no jobs of the kind "shell"'],
    ["constructor", {}, 'this program has no jobs of the kind "constructor"'],
    ["cell", { ...cell, cell: "none" }, 'this program has no cell "none" of an experiment "gates"'],
    ["cell", { ...cell, budget: "1" }, "the settings of the cell smeared-xl are not what this program writes"],
    ["cell", { ...cell, overrides: [1] }, "the settings of the cell smeared-xl are not what this program writes"],
    ["cell", { ...cell, budget: 2 ** 40 + 1 }, "the settings of the cell smeared-xl are not what this program writes"],
    ["cell", { ...cell, cell: "x".repeat(1e5) }, /^this program has no cell "x{50,60}… of an experiment "gates"$/],
    ["k".repeat(1e5), {}, /^this program has no jobs of the kind "k{50,60}…$/],
    ["document", { memorySizes: [2 ** 24 + 1], maxTokens: null, recall: false, reading: {} }, "the settings of the"],
    [
      "document",
      { memorySizes: Array(65).fill(0), maxTokens: null, recall: false, reading: {} },
      "the settings of the",
    ],
    ["document", { memorySizes: [-1], maxTokens: null, recall: false, reading: {} }, "the settings of the document"],
    ["document", { memorySizes: [0], maxTokens: null, recall: false, reading: { script: "x" } }, "the settings of the"],
  ];
  try {
    for (const [kind, settings, message] of wrong) assert.match(await errorOf(jobs, kind, settings), message);
  } finally {
    jobs.end();
  }
});

test.unless(
  inNode,
  "when it is ended in the midst of a job, the worker hears so, and the next job has a new one",
  async () => {
    const jobs = new JobProcess(join(folder, "ended"), 1, connection);
    try {
      const ending = new AbortController();
      const asked = errorOf(jobs, "cell", {}, ending.signal);
      ending.abort();
      assert.match(await asked, "the process that computed it ended (SIGTERM)");
      assert.match(await errorOf(jobs, "shell", {}), 'no jobs of the kind "shell"');
    } finally {
      jobs.end();
    }
  },
);
