/** Requests on their way at once. */
import * as assert from "uvu/assert";
import { AHEAD, ahead } from "../../src/cluster/ahead.ts";
import { suite } from "../harness.ts";
import { refusal } from "./world.ts";

const test = suite("requests ahead");

/** Work whose pieces end when the test says so. */
function pieces() {
  const begun: number[] = [];
  const ends = new Map<number, (error?: Error) => void>();
  const work = (item: number) => {
    begun.push(item);
    return new Promise<number>((resolve, reject) => {
      ends.set(item, (error) => (error === undefined ? resolve(10 * item) : reject(error)));
    });
  };
  return { begun, ends, work };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

test("results come in order, whichever is done first", async () => {
  const { ends, work } = pieces();
  const result = all(ahead([1, 2, 3], work));
  for (const item of [3, 1, 2]) ends.get(item)?.();
  assert.equal(await result, [10, 20, 30]);
});

test("no more are begun than that, and none of an empty list", async () => {
  const { begun, ends, work } = pieces();
  const result = all(ahead([1, 2, 3, 4, 5, 6], work));
  await Promise.resolve();
  assert.is(begun.length, AHEAD);
  ends.get(1)?.();
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  assert.equal(begun, [1, 2, 3, 4, 5]);
  for (const item of [2, 3, 4, 5]) ends.get(item)?.();
  while (begun.length < 6) await Promise.resolve();
  ends.get(6)?.();
  assert.equal(await result, [10, 20, 30, 40, 50, 60]);
  assert.equal(await all(ahead([], work)), []);
});

test("an error comes when its turn is, and waits until nothing is worked on", async () => {
  const { begun, ends, work } = pieces();
  let isOver = false;
  const result = refusal(all(ahead([1, 2, 3, 4, 5], work))).finally(() => (isOver = true));
  ends.get(2)?.(new Error("two"));
  ends.get(1)?.();
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  assert.is(isOver, false);
  for (const item of begun) ends.get(item)?.();
  assert.is(await result, "Error: two");
});
