/** Sweeps with workers in this process, whose jobs are small functions: what becomes of a job that fails, lies, or is taken away. */
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { nameOf } from "../../src/cluster/blocks.ts";
import type { Exchange } from "../../src/cluster/exchange.ts";
import { filesBelow, getBytes, putBytes, putTree, writeTree } from "../../src/cluster/files.ts";
import { deathOf, failJob, getJob, keepResult, MOST_FAILURES, noteDependant, putJob } from "../../src/cluster/jobs.ts";
import { readRecord } from "../../src/cluster/records.ts";
import { statusOf } from "../../src/cluster/status.ts";
import { type Finished, runSweep, type SweepJob, sweepJob } from "../../src/cluster/sweep.ts";
import type { Compute } from "../../src/cluster/worker.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { loses } from "./loses.ts";
import { collected, job, LEASE, numbers, PROGRAM, refusal, until, worldsIn } from "./world.ts";

const test = suite("sweep");

const folder = folderFor(test, "sweep");
const { newFolder, world, double } = worldsIn(folder);

/** How many workers began a job and were not seen to end without a result, and how often it failed. */
async function triesOf(exchange: Exchange, name: string): Promise<unknown[]> {
  const tries = await readRecord(exchange, "tries", name);
  return [tries?.begun, tries?.failures];
}

test("every job is computed once by one of two workers, and those that wait for others after those", async () => {
  const { exchange, worker } = await world();
  let computed = 0;
  const counting: Compute = (assignment) => {
    computed++;
    return double(assignment);
  };
  const ends = [worker(counting), worker(counting)];
  const sweep: SweepJob[] = [];
  for (const n of [1, 2, 3]) sweep.push(await sweepJob(exchange, `double ${n}`, job({ n })));
  sweep.push(await sweepJob(exchange, "double 2 again", job({}, { after: { before: sweep[1].name } })));
  assert.equal(await numbers(exchange, await collected(exchange, sweep)), [2, 4, 6, 8]);
  assert.equal(
    await numbers(exchange, await collected(exchange, sweep)),
    [2, 4, 6, 8],
    "once more, from what is known",
  );
  assert.is(computed, 4);
  const { workers, sweeps } = await statusOf(exchange);
  assert.equal([workers.length, sweeps.length], [2, 1]);
  assert.equal([sweeps[0].title, sweeps[0].jobs, sweeps[0].done, sweeps[0].secondsLeft], ["a sweep", 4, 4, 0]);
  for (const end of ends) await end();
  assert.equal((await statusOf(exchange)).workers, [], "a worker that ends in good order is gone");
});

test("a client that ends leaves the sweep running, jobs that wait for others too", async () => {
  const { exchange, worker } = await world();
  const first = await sweepJob(exchange, "first", job({ n: 5 }));
  const second = await sweepJob(exchange, "second", job({}, { after: { before: first.name } }));
  const gone = new AbortController();
  const { offer } = exchange;
  const offered = new Promise<void>((resolve) => {
    exchange.offer = (...all) => offer.apply(exchange, all).then(resolve);
  });
  const waiting = collected(exchange, [first, second], gone.signal);
  await offered;
  gone.abort();
  assert.equal(await waiting, []);
  const end = worker();
  while ((await statusOf(exchange)).sweeps[0].done < 2) await new Promise((resolve) => setTimeout(resolve, 50));
  await end();
  assert.equal(await numbers(exchange, await collected(exchange, [first, second])), [10, 20]);
});

test("a job that always fails is dead after five failures, the others are done, and the same sweep tries it anew", async () => {
  const { exchange, worker } = await world();
  let failures = 0;
  let isMended = false;
  const failing: Compute = async (assignment) => {
    if (assignment.job.settings.n !== 13 || isMended) return double(assignment);
    failures++;
    throw new Error(`13 brings bad luck, ${failures}`);
  };
  const end = worker(failing);
  const sweep = [await sweepJob(exchange, "thirteen", job({ n: 13 })), await sweepJob(exchange, "one", job({ n: 1 }))];
  sweep.push(await sweepJob(exchange, "after thirteen", job({}, { after: { before: sweep[0].name } })));
  const results: Finished[] = [];
  const run = async () => {
    for await (const result of runSweep(exchange, sweep, { title: "unlucky" })) results.push(result);
  };
  const message = await refusal(run());
  assert.match(message, /^InputError: 2 of 3 jobs have no result: thirteen \(and 1 more\)/);
  assert.match(message, "13 brings bad luck, 5");
  assert.is(failures, MOST_FAILURES);
  assert.equal(await numbers(exchange, results), [2]);
  assert.match(String(await deathOf(exchange, sweep[0].name)), /: 13 brings bad luck, 5$/);
  assert.equal([...(await statusOf(exchange)).sweeps[0].dead.keys()], ["thirteen"]);
  isMended = true;
  assert.equal(await numbers(exchange, await collected(exchange, sweep)), [2, 26, 52]);
  await end();
});

test("two different results of one job end the sweep, which names both workers", async () => {
  const { exchange, worker } = await world();
  const member = await sweepJob(exchange, "double 4", job({ n: 4 }));
  const lying: Compute = async (assignment) => {
    const tree = (await double(assignment)).directory;
    const lie = { proof: nameOf(new Uint8Array([1])), tree: await putTree(exchange, filesBelow(tree)), seconds: 1 };
    await keepResult(exchange, member.name, { ...lie, worker: "liar:1" }); // while the honest one computes
    return double(assignment);
  };
  const end = worker(lying);
  const message = await refusal(collected(exchange, [member]));
  await end();
  assert.match(message, /^InputError: double 4: the job [0-9a-f]{64} has two different results, of liar:1 and /);
  assert.match(await refusal(collected(exchange, [member])), "has two different results", "and from then on");
});

test("a job whose worker stops renewing goes to another; the late result is equal and does no harm", async () => {
  const { exchange, worker } = await world(newFolder(), LEASE);
  let first = true;
  let wake = () => {};
  const woken = new Promise<void>((resolve) => (wake = resolve));
  const dozing: Compute = async (assignment) => {
    if (first) {
      first = false;
      await woken;
    }
    return double(assignment);
  };
  const ends = [worker(dozing, 1e6), worker(dozing, 1e6)]; // nobody renews
  const member = await sweepJob(exchange, "double 7", job({ n: 7 }));
  assert.equal(await numbers(exchange, await collected(exchange, [member])), [14]);
  wake(); // the other one did it
  for (const end of ends) await end();
  assert.is(await exchange.take(PROGRAM, 2 * LEASE), undefined, "it is not delivered again");
  assert.equal(await exchange.keys("conflicts"), []);
});

test("a worker that is told to end gives its job back at once, and that is no failure", async () => {
  const { exchange, worker } = await world();
  const endless: Compute = (_assignment, signal) =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("ended"))));
  const member = await sweepJob(exchange, "double 8", job({ n: 8 }));
  const end = worker(endless);
  const waiting = collected(exchange, [member]);
  while ((await exchange.keys("tries")).length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  await end();
  assert.equal(await triesOf(exchange, member.name), [0, 0]);
  const next = worker();
  assert.equal(await numbers(exchange, await waiting), [16]);
  assert.equal(await triesOf(exchange, member.name), [1, 0]);
  await next();
});

test("a job that finds no result to read is given back, and that is neither a failure nor a worker that was killed", async () => {
  const { exchange, worker } = await world();
  const first = await sweepJob(exchange, "first", job({ n: 5 }));
  const second = await sweepJob(exchange, "second", job({}, { after: { before: first.name } }));
  await noteDependant(exchange, second.name, second.job);
  await exchange.offer(PROGRAM, second.name); // too early
  const end = worker();
  await until(async () => (await exchange.keys("results")).includes(second.name));
  await end();
  assert.equal(await triesOf(exchange, second.name), [1, 0]);
});

test("a failure counts once if the answer to its write is lost, and two at once count twice", async () => {
  const { exchange } = await world();
  const { name } = await sweepJob(exchange, "double 9", job({ n: 9 }));
  assert.ok(await failJob(loses(exchange, 1).exchange, name, "no luck"));
  assert.is((await readRecord(exchange, "tries", name))?.failures, 1);
  await Promise.all([1, 2].map(() => failJob(exchange, name, "no luck")));
  assert.is((await readRecord(exchange, "tries", name))?.failures, 3);
});

test("jobs of another program are left to its workers", async () => {
  const { exchange, worker } = await world();
  const end = worker();
  const other = nameOf(new Uint8Array([2]));
  const member = await sweepJob(exchange, "another's", job({ n: 1 }, { program: other }));
  const signal = AbortSignal.timeout(1500);
  assert.equal(await collected(exchange, [member], signal), []);
  assert.equal(await exchange.keys("tries"), []);
  await end();
});

test("a job's name says what it is, whatever the order of its inputs", async () => {
  const { exchange } = await world();
  const [a, b] = [nameOf(new Uint8Array([1])), nameOf(new Uint8Array([2]))];
  const name = await putJob(exchange, job({ n: 1 }, { inputs: { a, b } }));
  assert.is(await putJob(exchange, job({ n: 1 }, { inputs: { b, a } })), name);
  assert.equal(await getJob(exchange, name), job({ n: 1 }, { inputs: { a, b } }));
  const text = new TextEncoder().encode(JSON.stringify({ kind: "double", program: PROGRAM, inputs: { a: "../x" } }));
  assert.match(await refusal(getJob(exchange, await exchange.put(text))), "is not one that this program wrote");
});

test("a tree is written as a whole, and one that would leave its directory is refused", async () => {
  const { exchange } = await world();
  const from = newFolder();
  fs.mkdirSync(join(from, "deep/er"), { recursive: true });
  const large = Uint8Array.from({ length: 1_300_001 }, (_, i) => (i * 31) % 253);
  fs.writeFileSync(join(from, "deep/er/large"), large);
  fs.writeFileSync(join(from, "empty"), "");
  const tree = await putTree(exchange, filesBelow(from));
  const to = newFolder();
  await writeTree(exchange, tree, to);
  assert.is(nameOf(fs.readFileSync(join(to, "deep/er/large"))), nameOf(large));
  assert.is(fs.readFileSync(join(to, "empty")).length, 0);
  const file = await putBytes(exchange, large);
  for (const path of ["../out", "/out", "a//b", "a/./b", "C:out", "a\\b", ""]) {
    const evil = await putBytes(exchange, new TextEncoder().encode(JSON.stringify({ [path]: file })));
    assert.match(await refusal(writeTree(exchange, evil, newFolder())), "InputError: the tree", path);
  }
});

test("a manifest that claims more than its blocks have is refused, and so is a file that is too long", async () => {
  const { exchange } = await world();
  const block = await exchange.put(new Uint8Array(10));
  const manifest = (content: unknown) => exchange.put(new TextEncoder().encode(JSON.stringify(content)));
  for (const content of [
    { bytes: 11, blocks: [block] },
    { bytes: 2 ** 40, blocks: [block] },
    { bytes: 10, blocks: ["x"] },
    7,
  ]) {
    const name = await manifest(content);
    assert.match(await refusal(getBytes(exchange, name, 2 ** 45)), `InputError: the manifest ${name} does not fit`);
  }
  const name = await manifest({ bytes: 10, blocks: [block] });
  assert.match(await refusal(getBytes(exchange, name, 9)), "says that it has 10 bytes; at most 9 may be sent");
});

test("a sweep that nobody computes says so, once, and goes on when somebody comes", async () => {
  const { exchange, worker, warnings } = await world();
  const finished = collected(exchange, [await sweepJob(exchange, "double 1", job({ n: 1 }))]);
  await until(async () => warnings.length > 0);
  const end = worker(double);
  assert.equal(await numbers(exchange, await finished), [2]);
  assert.equal(warnings, [`no worker of this version is there; start one with: memorizing worker ${exchange.name}`]);
  await end();
});
