/**
 * Records, blocks and jobs that this program did not write, in a directory and on a server: workers go on, what can be computed again is,
 * and whoever reads the log is told in one sentence.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { nameOf } from "../../src/cluster/blocks.ts";
import type { Exchange } from "../../src/cluster/exchange.ts";
import { filesBelow, putBytes, putListing, putTree } from "../../src/cluster/files.ts";
import {
  deathOf,
  discardResult,
  findResult,
  keepResult,
  MOST_FAILURES,
  noteDependant,
  resultOf,
} from "../../src/cluster/jobs.ts";
import { openExchange } from "../../src/cluster/open-exchange.ts";
import { ASIDE, readRecord } from "../../src/cluster/records.ts";
import { statusOf } from "../../src/cluster/status.ts";
import { type SweepJob, sweepJob } from "../../src/cluster/sweep.ts";
import { memorizing } from "../cli/child.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { NatsServer, noServer } from "./nats-server.ts";
import { DAMAGES, holdsAt, overwrite } from "./places.ts";
import { collected, job, LEASE, numbers, PROGRAM, refusal, until, worldsIn } from "./world.ts";

const test = suite("hostile exchange");

const folder = folderFor(test, "hostile");
const { newFolder, world, double } = worldsIn(folder);
const bytes = (text: string) => new TextEncoder().encode(text);
const holds = holdsAt(test, newFolder);

/** Two jobs, the second of which doubles the result of the first: 2 · n and 4 · n. */
async function pair(exchange: Exchange, n: number): Promise<[SweepJob, SweepJob]> {
  const first = await sweepJob(exchange, `double ${n}`, job({ n }));
  return [first, await sweepJob(exchange, `again ${n}`, job({}, { after: { before: first.name } }))];
}

holds("a result that is not JSON is set aside, and the job is computed again", async (place) => {
  const { exchange, warnings, worker } = await world(place);
  const member = await sweepJob(exchange, "double 4", job({ n: 4 }));
  await overwrite(exchange, "results", member.name, bytes("{oops"));
  const end = worker();
  assert.equal(await numbers(exchange, await collected(exchange, [member])), [8]);
  await end();
  assert.is(warnings.length, 1);
  assert.match(warnings[0], `the record results/${member.name} of ${exchange.name} is not JSON`);
  assert.match(warnings[0], /; it was set aside$/);
  const aside = await readRecord(exchange, ASIDE, `results-${member.name}`);
  assert.is(new TextDecoder().decode(await exchange.get(String(aside?.block))), "{oops", "its bytes are kept");
  assert.equal((await statusOf(exchange)).damage, warnings);
  await exchange.close();
});

holds("a damaged record of any kind ends no worker, and the sweep has its results", async (place) => {
  const { exchange, worker } = await world(place);
  const end = worker();
  await until(async () => (await exchange.keys("workers")).length > 0);
  const sweep: SweepJob[] = [];
  for (const [n, damage] of DAMAGES.entries()) {
    const members = await pair(exchange, n);
    sweep.push(...members);
    for (const map of ["results", "tries", "dead", "dependants"]) {
      for (const { name } of members) await overwrite(exchange, map, name, bytes(damage));
    }
    for (const key of await exchange.keys("workers")) await overwrite(exchange, "workers", key, bytes(damage));
  }
  const names = nameOf(bytes(JSON.stringify(sweep.map(({ name }) => name))));
  await overwrite(exchange, "sweeps", names, bytes("{}"));
  const expected = DAMAGES.flatMap((_, n) => [2 * n, 4 * n]).sort((a, b) => a - b);
  assert.equal(await numbers(exchange, await collected(exchange, sweep)), expected);
  await end();
  await exchange.close();
});

holds("looking changes nothing, and a hostile name moves no cursor and fills no screen", async (place) => {
  const { exchange } = await world(place);
  const member = await sweepJob(exchange, "x", job({ n: 1 }));
  const far = { worker: `\u001b[2J${"w".repeat(100_000)}`, program: PROGRAM, job: null, done: 1, failed: 0, began: 1 };
  await overwrite(exchange, "workers", "far", bytes(JSON.stringify(far)));
  await overwrite(exchange, "workers", "lie", bytes(JSON.stringify({ ...far, done: 1e300 })));
  await overwrite(exchange, "results", member.name, bytes("{oops"));
  const sweep = { title: "t".repeat(10_000), jobs: member.name, program: PROGRAM, began: 1 };
  await overwrite(exchange, "sweeps", "a", bytes(JSON.stringify(sweep)));
  await overwrite(exchange, "sweeps", "b", bytes(JSON.stringify({ ...sweep, jobs: "../../../../../../dev/zero" })));
  const { code, stdout, stderr } = memorizing("cluster", "status", place);
  assert.is(code, 0, stderr);
  assert.not.match(stdout, "\u001b");
  assert.ok(Math.max(...stdout.split("\n").map((line) => line.length)) < 500);
  assert.is(stdout.match(/^ {2}damaged: /gm)?.length, 3, stdout);
  assert.is(new TextDecoder().decode((await exchange.read("results", member.name))?.value), "{oops");
  assert.equal(await exchange.keys(ASIDE), []);
  await exchange.close();
});

holds(
  "a result whose files are not there, or not those, is computed again, for those that read it too",
  async (place) => {
    const { exchange, warnings, worker } = await world(place);
    const tree = (files: Record<string, string>) => putListing(exchange, files);
    const lies = [
      nameOf(bytes("never put")),
      await exchange.put(bytes("not JSON")),
      await tree({}),
      await tree({ n: nameOf(bytes("never put either")) }),
      await tree({ "../n": await putBytes(exchange, bytes("8")) }),
      await tree({ n: await putBytes(exchange, new Uint8Array(101)) }),
    ];
    const sweep: SweepJob[] = [];
    for (const [n, lie] of lies.entries()) {
      const members = await pair(exchange, n);
      sweep.push(...members);
      const result = { proof: nameOf(bytes(String(2 * n))), tree: lie, seconds: 1, worker: "liar:1" };
      await keepResult(exchange, members[0].name, result);
    }
    const end = worker();
    const expected = lies.flatMap((_, n) => [2 * n, 4 * n]).sort((a, b) => a - b);
    assert.equal(await numbers(exchange, await collected(exchange, sweep)), expected);
    await end();
    assert.is(warnings.length, lies.length);
    await exchange.close();
  },
);

holds("a dependant whose source was damaged behind its back has the source computed again", async (place) => {
  const { exchange, worker } = await world(place);
  const [first, second] = await pair(exchange, 5);
  await noteDependant(exchange, second.name, second.job);
  const none = await putListing(exchange, { n: nameOf(bytes("never put")) });
  await keepResult(exchange, first.name, { proof: nameOf(bytes("10")), tree: none, seconds: 1, worker: "liar:1" });
  await exchange.offer(PROGRAM, second.name); // nobody waits for the first one
  const end = worker();
  await until(async () => (await exchange.keys("results")).includes(second.name));
  await end();
  assert.equal(await numbers(exchange, await collected(exchange, [first, second])), [10, 20]);
  await exchange.close();
});

holds("of many that read one lost result the first sets it aside, and the next result stays", async (place) => {
  const { exchange, warnings } = await world(place);
  const { name } = await sweepJob(exchange, "double 5", job({ n: 5 }));
  const none = await putListing(exchange, { n: nameOf(bytes("never put")) });
  const lost = { proof: nameOf(bytes("10")), tree: none, seconds: 1, worker: "one whose disk died" };
  await keepResult(exchange, name, lost);
  const { entry } = (await findResult(exchange, name))!;
  const discard = () => discardResult(exchange, name, entry, "a block is lost");
  const readers = await Promise.all(Array.from({ length: MOST_FAILURES }, discard));
  assert.equal(readers, Array(MOST_FAILURES).fill(true), "each may wait for the next result");
  assert.is(await resultOf(exchange, name), undefined);
  const good = { ...lost, tree: await putListing(exchange, { n: await putBytes(exchange, bytes("10")) }) };
  await keepResult(exchange, name, good);
  assert.ok(await discard(), "a slow reader");
  assert.equal(await resultOf(exchange, name), good);
  assert.is((await readRecord(exchange, "tries", name))?.failures, 1);
  assert.is(warnings.length, 1);
  await exchange.close();
});

holds("results that are wrong again and again end the sweep with a sentence", async (place) => {
  const { exchange, worker } = await world(place);
  const member = await sweepJob(exchange, "double 6", job({ n: 6 }));
  let computed = 0;
  const end = worker(async (assignment) => {
    computed++;
    const result = await double(assignment);
    fs.renameSync(join(result.directory, "n"), join(result.directory, "m"));
    return result;
  });
  const message = await refusal(collected(exchange, [member]));
  await end();
  assert.match(message, /^InputError: 1 of 1 jobs have no result: double 6 failed again and again/);
  assert.match(message, "a tree was sent without its file n");
  assert.is(computed, MOST_FAILURES);
  await exchange.close();
});

holds("what is no job, or one of another program, is not computed", async (place) => {
  const { exchange, warnings, worker } = await world(place, LEASE);
  const other = await sweepJob(exchange, "other", job({ n: 1 }, { program: nameOf(bytes("another program")) }));
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => ["i".repeat(i + 1), other.name]));
  const queue = [
    "not-a-digest",
    nameOf(bytes("a job that nobody put")),
    await exchange.put(bytes("not JSON")),
    await exchange.put(bytes(JSON.stringify({ kind: "double", program: PROGRAM }))),
    await exchange.put(bytes(JSON.stringify(job({ n: 1 }, { inputs: { a: "../../x" } })))),
    await exchange.put(bytes(JSON.stringify(job({ n: 1 }, { inputs: many })))),
    other.name,
  ];
  for (const name of queue) await exchange.offer(PROGRAM, name);
  const end = worker();
  const member = await sweepJob(exchange, "double 3", job({ n: 3 }));
  assert.equal(await numbers(exchange, await collected(exchange, [member])), [6]);
  await until(async () => (await exchange.keys("dead")).length === queue.length - 1);
  await end();
  assert.match(warnings[0], 'somebody put "not-a-digest" into the queue');
  assert.match(String(await deathOf(exchange, other.name)), "the job is one of another program");
  assert.match(String(await deathOf(exchange, queue[5])), "is not one that this program wrote", "too many inputs");
  assert.equal(await exchange.keys("results"), [member.name]);
  assert.is(await exchange.take(PROGRAM, 2 * LEASE), undefined, "nothing is delivered again");
  await exchange.close();
});

holds("a conflict ends the sweep even if its record is damaged", async (place) => {
  const { exchange } = await world(place);
  const member = await sweepJob(exchange, "double 2", job({ n: 2 }));
  await overwrite(exchange, "conflicts", member.name, bytes("{}"));
  assert.match(
    await refusal(collected(exchange, [member])),
    "has two different results, and the record on them is damaged",
  );
  await exchange.close();
});

holds("only names of blocks are asked for", async (place) => {
  const { exchange } = await world(place);
  for (const name of ["../../../../etc/hostname", "", "*", ">", "a b", "A".repeat(64)]) {
    assert.match(await refusal(exchange.get(name)), /^InputError: .* which is not a block's name$/, name);
  }
  await exchange.close();
});

test("a directory: a block that was spoilt on disk is put again", async () => {
  const place = newFolder();
  const exchange = await openExchange(place);
  const from = newFolder();
  fs.mkdirSync(from);
  fs.writeFileSync(join(from, "a"), "as it was");
  const tree = await putTree(exchange, filesBelow(from));
  const block = nameOf(bytes("as it was"));
  for (const wrong of ["as it is", "", "x".repeat(600_000)]) {
    fs.writeFileSync(join(place, "blocks", block.slice(0, 2), block), wrong);
    assert.match(await refusal(exchange.get(block)), `the block ${block} of ${place} is damaged`);
    assert.is(await putTree(exchange, filesBelow(from)), tree);
    assert.is(new TextDecoder().decode(await exchange.get(block)), "as it was");
  }
});

test("a directory: what is neither record nor job is passed over", async () => {
  const place = newFolder();
  const exchange = await openExchange(place);
  await exchange.write("m", "a", bytes("1"), 0);
  fs.mkdirSync(join(place, "maps/m/a/7"));
  for (const name of ["99999999999999999999", "2x", "-3"]) fs.writeFileSync(join(place, "maps/m/a", name), "lie");
  fs.mkdirSync(join(place, "maps/m/b c"));
  fs.symlinkSync("/dev/zero", join(place, "maps/m/a/8"));
  assert.is(new TextDecoder().decode((await exchange.read("m", "a"))?.value), "1");
  assert.is(await exchange.write("m", "a", bytes("2"), 1), 2);
  assert.equal(await exchange.keys("m"), ["a"]);
  await exchange.offer("q", "job");
  await (await exchange.take("q", 100))?.acknowledge();
  for (const name of ["a b", "x".repeat(200), "ü"]) fs.writeFileSync(join(place, "queues/q", name), "");
  assert.is(await exchange.take("q", 300), undefined);
});

test.unless(noServer, "NATS: a block that somebody else put under a name is refused, and put again", async () => {
  const server = await NatsServer.start(newFolder());
  try {
    const exchange = await openExchange(server.url);
    const { connect } = await import("@nats-io/transport-node");
    const stranger = await connect({ servers: server.url.slice("nats://".length) });
    const block = nameOf(bytes("mine"));
    for (const wrong of ["yours", ""]) {
      await stranger.request(`memorizing.block.${block}`, bytes(wrong));
      assert.match(await refusal(exchange.get(block)), `the block ${block} of ${server.url} is damaged`);
      assert.is(await exchange.put(bytes("mine")), block);
      assert.is(new TextDecoder().decode(await exchange.get(block)), "mine");
    }
    await stranger.request(`memorizing.job.${PROGRAM}.not/a=name`, "");
    const delivery = await exchange.take(PROGRAM, 60_000);
    assert.is(delivery?.job, "not/a=name");
    await delivery?.acknowledge();
    await stranger.close();
    await exchange.close();
  } finally {
    await server.kill();
  }
});
