/**
 * Runs a kernel on all threads: the units of its work are cut into shares, the calling thread takes some of them, and the
 * call returns when all are done. Without other threads it is a plain call.
 *
 * A parallel kernel ends its parameters in (…, from, to), the units to compute, or in (…, from, to, scratch), when it needs
 * memory of its own. No unit's result depends on which thread computed it, so results are bit-equal for any thread count.
 * How threads are started is in spawn.ts, what they do in thread.ts.
 */

import { InputError } from "../base/errors.ts";
import type { Kernels } from "./kernels.generated.ts";
import { canShare } from "./load.ts";
import { processors } from "./processors.ts";
import { kernels, memory, module, ready } from "./runtime.ts";
import { scratch } from "./scratch.ts";
import { defaultThreads, newThread, type Thread } from "./spawn.ts";
import { CONTROL, finish, MOST_ARGUMENTS, SPINS, shareOf, type ThreadStart, take } from "./thread.ts";

type Argument = number | boolean;
/** The arguments of a parallel kernel before (from, to). */
type RangeArguments<F> = F extends (...args: [...infer A extends Argument[], number, number]) => unknown ? A : never;
/** The arguments of a parallel kernel before (from, to, scratch). */
type ScratchArguments<F> = F extends (...args: [...infer A extends Argument[], number, number, number]) => unknown
  ? A
  : never;

/** Thrown by the first kernel after the death of a thread, and by one that waits for it; names it. */
export class ThreadDeathError extends Error {
  /** The class of the error, for whoever has only its text. */
  override name = "ThreadDeathError";
}

const MOST_THREADS = 256;
/** Of threads beyond twice the processors none is started, since they could only take turns; this many always may be. */
const LEAST_MOST = 4;
/** A thread starts in a tenth of a second. Where many start at once, each has a little more time. */
const START_MS = { least: 8000, each: 200 };

/** A page's main thread may not sleep; it has a document. */
const canSleep = !("document" in globalThis);

let kernelNames: (keyof Kernels)[] = [];
let kernelIndex = new Map<keyof Kernels, number>();
let threads: Thread[] = [];
let death: ThreadDeathError | undefined;
let control: Int32Array = new Int32Array(0);
let argumentsBlock: Float64Array = new Float64Array(0);
/** Shares that a job is cut into, one for each thread. */
let shares = 1;
/** Other threads that can run while this one does. */
let helpers = 0;
/** The last change of the number of threads; the next waits for it. */
let change: Promise<void> = Promise.resolve();

/** Returns the number of threads that kernels run on, the calling one among them. */
export function threadCount(): number {
  return threads.length + 1;
}

/**
 * Makes kernels run on `count` threads from now on (default: as many as can run at once), in Node, Deno, Bun and browsers.
 * Never more than twice the processors are started, since the rest could only take turns.
 * Where memory cannot be shared (a page that is not cross-origin isolated) one thread remains, and the results are the same.
 * In Node, Deno and Bun threads do not keep the program from ending. `spawn` starts a thread: `webThread` of a worker of
 * your own, if a bundler or a server keeps the library from finding its own.
 * @throws InputError if `count` is no whole number from 1 to 256, or a thread does not start; it names the address of its script
 */
export function useThreads(count: number = defaultThreads(), spawn: () => Thread = newThread): Promise<void> {
  change = change.catch(() => {}).then(() => changeThreads(count, spawn));
  return change;
}

async function changeThreads(count: number, spawn: () => Thread): Promise<void> {
  if (!(Number.isInteger(count) && count >= 1 && count <= MOST_THREADS)) {
    throw new InputError(`useThreads: count must be a whole number from 1 to ${MOST_THREADS}, but is ${String(count)}`);
  }
  for (const thread of threads.splice(0)) thread.terminate();
  death = undefined;
  if (count === 1 || !canShare()) return;
  await ready();
  kernelNames = Object.keys(kernels) as (keyof Kernels)[];
  kernelIndex = new Map(kernelNames.map((name, index) => [name, index]));
  shares = Math.min(count, Math.max(LEAST_MOST, 2 * processors()));
  helpers = Math.min(shares, processors()) - 1;
  control = new Int32Array(new SharedArrayBuffer((CONTROL.taken + shares) * 4));
  argumentsBlock = new Float64Array(new SharedArrayBuffer(MOST_ARGUMENTS * 8));
  threads = await startAll(shares, spawn);
}

/** The threads beside this one, all of which wait for work; none if one does not start. */
async function startAll(count: number, spawn: () => Thread): Promise<Thread[]> {
  const spawned: Thread[] = [];
  const started = Array.from({ length: count - 1 }, async (_, i) => {
    const thread = spawnOrRefuse(spawn);
    spawned.push(thread);
    await startOne(thread, i + 1, count);
    thread.onEnd((reason) => {
      if (threads.includes(thread)) death = deathOf(i + 1, reason);
    });
  });
  try {
    await Promise.all(started);
    return spawned;
  } catch (error) {
    for (const thread of spawned) thread.terminate();
    throw error;
  }
}

function spawnOrRefuse(spawn: () => Thread): Thread {
  try {
    return spawn();
  } catch (error) {
    throw new InputError(`no worker thread can be started here: ${(error as Error).message}; one thread needs none`);
  }
}

async function startOne(thread: Thread, index: number, count: number): Promise<void> {
  const message: ThreadStart = {
    module: module as WebAssembly.Module,
    memory,
    control,
    argumentsBlock,
    kernelNames,
    index,
    shares,
  };
  let clock: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    const most = START_MS.least + START_MS.each * count;
    clock = setTimeout(() => reject(new Error(`it did not say that it is ready within ${most / 1000} s`)), most);
  });
  try {
    await Promise.race([thread.start(message), silence]);
  } catch (error) {
    const [said] = (error as Error).message.split("\n");
    const reason = said.includes("EMFILE") ? "too many files are open (ulimit -n)" : said;
    throw new InputError(
      `worker thread ${index} of ${count} does not start: ${reason}; its script is ${thread.address}`,
    );
  } finally {
    clearTimeout(clock);
  }
}

function deathOf(index: number, reason: string): ThreadDeathError {
  return new ThreadDeathError(
    `worker thread ${index} of ${threadCount()} has died: ${reason}; start the program again`,
  );
}

/** kernel(…args, from, to) over [0, units), on all threads. */
export function parallel<K extends keyof Kernels>(kernel: K, units: number, ...args: RangeArguments<Kernels[K]>): void {
  run(kernel, units, 0, args);
}

/** Fewer elements than this are done before another thread could begin. */
const LEAST_ELEMENTS = 16_384;

/** `parallel` for kernels whose unit is one element, on this thread alone when they are few. */
export function parallelElements<K extends keyof Kernels>(
  kernel: K,
  elements: number,
  ...args: RangeArguments<Kernels[K]>
): void {
  if (elements < LEAST_ELEMENTS) (kernels[kernel] as (...all: unknown[]) => void)(...args, 0, elements);
  else run(kernel, elements, 0, args);
}

/** kernel(…args, from, to, scratch) over [0, units), on all threads; each gets `scratchBytes` of its own. */
export function parallelWithScratch<K extends keyof Kernels>(
  kernel: K,
  units: number,
  scratchBytes: number,
  ...args: ScratchArguments<Kernels[K]>
): void {
  run(kernel, units, scratchBytes, args);
}

/** Has the scratch space that `parallelWithScratch` will ask for with so many bytes, so that it cannot fail for want of it. */
export function reserveScratch(scratchBytes: number): void {
  scratch(strideOf(scratchBytes) * threadCount());
}

/** Bytes from one thread's scratch to the next one's. */
function strideOf(scratchBytes: number): number {
  return Math.ceil(scratchBytes / 64) * 64;
}

function run(kernel: keyof Kernels, units: number, scratchBytes: number, args: readonly Argument[]): void {
  const alone = threads.length === 0 || units <= 1;
  const stride = strideOf(scratchBytes);
  const room = stride > 0 ? scratch(stride * (alone ? 1 : shares)) : 0;
  const call = kernels[kernel] as (...all: unknown[]) => void;
  if (alone) {
    call(...args, 0, units, room);
    return;
  }
  if (death !== undefined) throw death;
  const job = announce(kernelIndex.get(kernel) as number, args, units, room, stride);
  let thrown: unknown;
  for (let share = take(control, job, 0, shares); share >= 0; share = take(control, job, 0, shares)) {
    const [from, to] = shareOf(units, share, shares);
    try {
      if (to > from) call(...args, from, to, room + share * stride);
    } catch (error) {
      thrown = error;
    }
    finish(control);
  }
  waitForAll();
  if (thrown !== undefined) throw thrown;
}

/** Tells the other threads of a job, wakes as many as can run if they sleep, and returns its number. */
function announce(kernel: number, args: readonly Argument[], units: number, room: number, stride: number): number {
  for (let i = 0; i < args.length; i++) argumentsBlock[i] = Number(args[i]);
  control[CONTROL.kernel] = kernel;
  control[CONTROL.argumentCount] = args.length;
  control[CONTROL.units] = units;
  control[CONTROL.scratch] = room;
  control[CONTROL.scratchStride] = stride;
  Atomics.store(control, CONTROL.pending, shares);
  const job = (Atomics.add(control, CONTROL.job, 1) + 1) | 0;
  const awake = threads.length - Atomics.load(control, CONTROL.sleeping);
  if (awake < helpers) Atomics.notify(control, CONTROL.job, helpers - awake);
  return job;
}

/** A share never takes this long; a thread that is silent for it has died. */
const SILENCE_MS = 60_000;
const NAP_MS = 1000;

/**
 * Spins for a moment, since threads finish together, and then sleeps: on a busy machine a spin would keep the others out. Time
 * in which this very process was paused counts as a nap at most, so a laptop may sleep in the middle of a step.
 */
function waitForAll(): void {
  let silent = 0;
  while (!spinUntilDone()) {
    const before = performance.now();
    const pending = Atomics.load(control, CONTROL.pending);
    if (canSleep && pending > 0) Atomics.wait(control, CONTROL.pending, pending, NAP_MS);
    silent += Math.min(performance.now() - before, NAP_MS);
    if (silent > SILENCE_MS)
      throw new ThreadDeathError("a worker thread has died: it did not end its part of a kernel");
  }
  const failed = Atomics.exchange(control, CONTROL.failed, 0);
  if (failed !== 0) throw new Error(`worker thread ${failed} failed in ${kernelNames[control[CONTROL.kernel]]}`);
}

/** Whether all shares were finished within a moment of watching. */
function spinUntilDone(): boolean {
  for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(control, CONTROL.pending) === 0) return true;
  return false;
}
