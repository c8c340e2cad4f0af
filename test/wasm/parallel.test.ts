/** Threads: every result is bit-identical for any number of threads. */
import process from "node:process";
import * as assert from "uvu/assert";
import { crossEntropy } from "../../src/autodiff/ops/vocabulary.ts";
import { backward, step } from "../../src/autodiff/tape.ts";
import { InputError } from "../../src/base/errors.ts";
import { Random } from "../../src/base/random.ts";
import { type ModelConfig, parseConfig } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { parallelElements, ThreadDeathError, threadCount, useThreads } from "../../src/wasm/parallel.ts";
import { processors } from "../../src/wasm/processors.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { newThread, type Thread, webThread } from "../../src/wasm/spawn.ts";
import { CONTROL, shareOf, type ThreadStart } from "../../src/wasm/thread.ts";
import { suite } from "../harness.ts";

const test = suite("threads");

test("a small example, written out: three shares of ten units", () => {
  assert.equal(
    [0, 1, 2].map((index) => shareOf(10, index, 3)),
    [
      [0, 3],
      [3, 6],
      [6, 10],
    ],
  );
});

/** Returns the logits of three segments, and every parameter's gradient after the last, on `threads` threads. */
async function run(config: ModelConfig, rows: number, threads: number): Promise<Float32Array[]> {
  await useThreads(threads);
  assert.is(threadCount(), threads);
  const random = new Random(5);
  const model = new Transformer(config, 1);
  const state = model.newState({ rows });
  const token = () => Math.floor(random.next() * config.vocab_size);
  const results: Float32Array[] = [];
  for (let segment = 0; segment < 3; segment++) {
    const ids = Int32Array.from({ length: rows * config.segment_length }, token);
    const targets = Int32Array.from({ length: rows * config.segment_length }, token);
    step(() => {
      const logits = model.forward({ ids, dropoutKey: segment }, state);
      backward(crossEntropy(logits, targets).loss);
      results.push(logits.toArray());
    });
  }
  for (const name of model.parameters.names())
    results.push(model.parameters.get(name).grad?.toArray() ?? new Float32Array());
  state.release();
  model.parameters.release();
  return results;
}

const sizes = { vocab_size: 61, num_hidden_layers: 2, memory_layers: [1], memory_topk: 5, dropout: 0.1 };
const cases: [string, object, number][] = [
  ["odd sizes", { hidden_size: 19, num_attention_heads: 3, head_dim: 5, intermediate_size: 33, segment_length: 11 }, 1],
  [
    "several rows and a cache",
    { hidden_size: 32, num_attention_heads: 2, head_dim: 16, segment_length: 16, xl_cache_length: 9, memory_size: 23 },
    3,
  ],
  [
    "a memory of half floats",
    { hidden_size: 14, num_attention_heads: 2, head_dim: 7, segment_length: 13, memory_dtype: "float16" },
    2,
  ],
  [
    "smeared keys",
    { hidden_size: 12, num_attention_heads: 3, head_dim: 5, segment_length: 9, xl_cache_length: 4, smear_keys: "all" },
    2,
  ],
  [
    "predictions that copy",
    { hidden_size: 12, num_attention_heads: 3, segment_length: 9, smear_keys: "memory_layers", memory_copy: true },
    2,
  ],
  [
    "one head",
    { hidden_size: 8, num_attention_heads: 1, head_dim: 8, intermediate_size: 7, segment_length: 3, memory_size: 4 },
    1,
  ],
];

for (const [title, differences, rows] of cases) {
  test(`logits and gradients are bit-identical on 1, 2 and 3 threads: ${title}`, async () => {
    const config = parseConfig({ ...sizes, ...differences }, "test");
    const expected = await run(config, rows, 1);
    for (const threads of [2, 3]) assert.equal(await run(config, rows, threads), expected, `${threads} threads`);
  });
}

/** Doubles `length` floats on all threads; returns whether all results are right. */
function doubles(length: number): boolean {
  const [from, to] = [heap.allocate(length * 4), heap.allocate(length * 4)];
  try {
    const numbers = Float32Array.from({ length }, (_, i) => i);
    heap.f32(from, length).set(numbers);
    parallelElements("add", length, to, from, from);
    return heap.f32(to, length).every((value, i) => value === 2 * i);
  } finally {
    heap.release(from);
    heap.release(to);
  }
}
const MANY = 50_000;

/** Starts a thread that the test can reach. */
function exposed(spawned: Thread[], tell: (message: ThreadStart) => void = () => {}): () => Thread {
  return () => {
    const thread = newThread();
    spawned.push(thread);
    const start = (message: object) => {
      tell(message as ThreadStart);
      return thread.start(message);
    };
    return { ...thread, start };
  };
}

test("the next kernel after a thread's death is refused, and names the thread", async () => {
  const spawned: Thread[] = [];
  await useThreads(3, exposed(spawned));
  assert.ok(doubles(MANY));
  const ended = new Promise<string>((resolve) => spawned[1].onEnd(resolve));
  spawned[1].terminate();
  await ended;
  const { wait } = Atomics;
  let waits = 0;
  Atomics.wait = () => {
    waits++;
    return "timed-out";
  };
  const death = thrownBy(() => doubles(MANY));
  Atomics.wait = wait;
  assert.instance(death, ThreadDeathError);
  assert.is(death.message, "worker thread 2 of 3 has died: it ended with exit code 1; start the program again");
  assert.is(waits, 0, "nothing is waited for");
  await useThreads(2);
  assert.ok(doubles(MANY), "new threads make good");
});

test("a thread that dies before anyone hears of it does not block a kernel: others take its shares", async () => {
  const spawned: Thread[] = [];
  await useThreads(2, exposed(spawned));
  const ended = new Promise<string>((resolve) => spawned[0].onEnd(resolve));
  spawned[0].terminate();
  for (const end = performance.now() + 100; performance.now() < end; ); // events are not handled during this loop
  if (process.versions.deno === undefined) assert.ok(doubles(MANY)); // in Deno, terminate itself reports the end
  await ended;
  const death = thrownBy(() => doubles(MANY));
  assert.instance(death, ThreadDeathError);
  assert.is(death.message, "worker thread 1 of 2 has died: it ended with exit code 1; start the program again");
});

test("threads that are ended on purpose do not count as dead", async () => {
  const spawned: Thread[] = [];
  await useThreads(3, exposed(spawned));
  const ended = spawned.map((thread) => new Promise<string>((resolve) => thread.onEnd(resolve)));
  await useThreads(2);
  await Promise.all(ended);
  assert.ok(doubles(MANY));
});

test("job numbers stay distinct beyond the largest i32", async () => {
  const beforeTheLast = ({ control }: ThreadStart) => {
    for (const place of [CONTROL.job, ...range(CONTROL.taken, control.length)]) control[place] = 2 ** 31 - 3;
  };
  await useThreads(2, exposed([], beforeTheLast));
  for (let job = 0; job < 7; job++) assert.ok(doubles(MANY), `job ${job}`);
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

test("a thread that never reports ready raises an error that names its script", async () => {
  const silent: Thread = { ...newThread(), address: "/nowhere/worker.js", start: () => new Promise(() => {}) };
  const message = await messageOf(useThreads(2, () => silent));
  assert.match(message, /^worker thread 1 of 2 does not start: it did not say that it is ready within \d+(\.\d)? s; /);
  assert.match(message, /its script is \/nowhere\/worker\.js$/);
  silent.terminate();
  assert.is(threadCount(), 1);
  assert.ok(doubles(MANY), "one thread goes on");
});

test("a thread that cannot start raises an error that names its script, and ends the others", async () => {
  const spawned: Thread[] = [];
  const spawn = () => {
    const thread = exposed(spawned)();
    return spawned.length < 2 ? thread : { ...thread, start: () => Promise.reject(new Error("no such file\n  at")) };
  };
  const message = await messageOf(useThreads(3, spawn));
  assert.is(message, `worker thread 2 of 3 does not start: no such file; its script is ${spawned[1].address}`);
  spawned[1].terminate();
  assert.match(spawned[1].address, /worker\.js$/);
});

for (const count of [0, -1, 1.5, Number.NaN, 257, "2" as unknown as number]) {
  const shown = typeof count === "string" ? `"${count}"` : String(count);
  test(`useThreads(${shown}) is refused`, async () => {
    const message = await messageOf(useThreads(count));
    assert.is(message, `useThreads: count must be a whole number from 1 to 256, but is ${shown}`);
  });
}

test("few threads are started where few can run, and the results are the same", async () => {
  await useThreads(200);
  assert.ok(threadCount() <= Math.max(4, 2 * processors()), `${threadCount()}`);
  assert.ok(doubles(MANY));
});

test("changes of the number of threads wait for each other", async () => {
  await Promise.all([useThreads(3), useThreads(1), useThreads(2)]);
  assert.is(threadCount(), 2);
  assert.ok(doubles(MANY));
});

/** Returns the message of the InputError that the promise rejects with. */
async function messageOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  );
  assert.instance(error, InputError);
  return error.message;
}

function thrownBy(action: () => unknown): Error {
  try {
    action();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}

test.after(() => useThreads(1));

test("what is no worker, or no thread, is refused in a sentence", async () => {
  for (const worker of [null, 5, {}]) {
    const refused = await useThreads(2, () => webThread(worker as never)).catch((error: Error) => error);
    assert.match(String(refused), /InputError: .*worker: got/);
  }
  const refused = await useThreads(2, () => undefined as never).catch((error: Error) => error);
  assert.match(String(refused), "InputError: what spawn returns: got undefined; it must be a thread");
  await useThreads(1);
});
