/** The line of requests: one computes, the others wait in order, and whoever gives up leaves. */
import * as assert from "uvu/assert";
import { Queue } from "../../src/serve/queue.ts";
import { Refusal } from "../../src/serve/refusals.ts";
import { suite } from "../harness.ts";

const test = suite("queue");
const patient = new AbortController().signal;

/** Work that ends when it is told to. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

test("a small example, written out: b waits for a, and c for b", async () => {
  const queue = new Queue(5);
  const [said, first] = [[] as string[], gate()];
  const a = queue.run(patient, async () => {
    await first.opened;
    said.push("a");
  });
  const [b, c] = ["b", "c"].map((name) => queue.run(patient, async () => void said.push(name)));
  assert.is(queue.length, 2);
  assert.equal(said, []);
  first.open();
  await Promise.all([a, b, c]);
  assert.equal(said, ["a", "b", "c"]);
  assert.is(queue.length, 0);
});

test("work that fails lets the next one begin", async () => {
  const queue = new Queue(5);
  const failing = queue.run(patient, () => Promise.reject(new Error("broken")));
  const next = queue.run(patient, async () => 7);
  assert.is(await failing.catch((error) => error.message), "broken");
  assert.is(await next, 7);
});

test("who gives up leaves the line at once, and those behind keep their order", async () => {
  const queue = new Queue(5);
  const [said, first, impatient] = [[] as string[], gate(), new AbortController()];
  const a = queue.run(patient, () => first.opened);
  const b = queue.run(impatient.signal, async () => void said.push("b"));
  const c = queue.run(patient, async () => void said.push("c"));
  impatient.abort(new Error("enough"));
  assert.is(await b.catch((error) => error.message), "enough");
  assert.is(queue.length, 1);
  first.open();
  await Promise.all([a, c]);
  assert.equal(said, ["c"]);
});

test("who has given up before does not begin", async () => {
  const queue = new Queue(5);
  const gone = AbortSignal.abort(new Error("gone"));
  assert.is(await queue.run(gone, async () => "began").catch((error) => error.message), "gone");
  assert.is(await queue.run(patient, async () => "free"), "free");
});

test("a line that is full refuses, with 429, and takes more when it is not", async () => {
  for (const most of [0, 1, 3]) {
    const queue = new Queue(most);
    const first = gate();
    const taken = [queue.run(patient, () => first.opened)];
    for (let i = 0; i < most; i++) taken.push(queue.run(patient, async () => {}));
    const refused = await queue.run(patient, async () => {}).catch((error) => error);
    assert.instance(refused, Refusal);
    assert.equal([refused.status, refused.headers["retry-after"]], [429, "1"]);
    first.open();
    await Promise.all(taken);
    assert.is(await queue.run(patient, async () => 1), 1);
  }
});
