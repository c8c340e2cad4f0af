/**
 * Runs a kernel on all threads: its units of work are cut into shares, the calling thread takes some of them, and the
 * call returns when all are done. Without other threads it is a plain call.
 *
 * A parallel kernel's parameters end in (…, from, to), the units to compute, or in (…, from, to, scratch) if it needs
 * scratch space. A unit's result does not depend on the thread that computed it, so results are bit-identical for any number of
 * threads. spawn.ts starts threads; thread.ts is the code that they run.
 */

import { check } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { show } from "../base/show.ts";
import { type Address, OutOfMemoryError } from "./heap.ts";
import type { Kernels } from "./kernels.generated.ts";
import { canShare } from "./load.ts";
import { processors } from "./processors.ts";
import { kernels, module, ready, scratch, wasmMemory } from "./runtime.ts";
import { aThread, defaultThreads, newThread, type Thread } from "./spawn.ts";
import { CONTROL, finish, MOST_ARGUMENTS, SPINS, shareOf, type ThreadStart, take } from "./thread.ts";

type Argument = number | boolean;
/** The arguments of a parallel kernel before (from, to). */
type RangeArguments<F> = F extends (...args: [...infer A extends Argument[], number, number]) => unknown ? A : never;
/** The arguments of a parallel kernel before (from, to, scratch). */
type ScratchArguments<F> = F extends (...args: [...infer A extends Argument[], number, number, number]) => unknown
  ? A
  : never;

/** Thrown by the first kernel after a thread has died, and by a kernel that waits for it; names the thread. */
export class ThreadDeathError extends Error {
  /** The class of the error, so that its text names it. */
  override name = "ThreadDeathError";
}

const MOST_THREADS = 256;
/** At most two threads per processor are started, since more could only take turns; but always up to this many. */
const LEAST_MOST = 4;
/** Time limits for a thread's start, which usually takes a tenth of a second: a base, and more for each thread that starts. */
const START_MS = { least: 8000, each: 200 };

/** Whether this thread may sleep. A page's main thread, which has a document, may not. */
const canSleep = !("document" in globalThis);

let kernelNames: (keyof Kernels)[] = [];
let kernelIndex = new Map<keyof Kernels, number>();
let threads: Thread[] = [];
let death: ThreadDeathError | undefined;
let control: Int32Array = new Int32Array(0);
let argumentsBlock: Float64Array = new Float64Array(0);
/** Shares of a job, one for each thread. */
let shares = 1;
/** Other threads that can run while this one does. */
let helpers = 0;
/** The last change of the number of threads; the next one waits for it. */
let change: Promise<void> = Promise.resolve();

/** Returns the number of threads that kernels run on, including the calling one. */
export function threadCount(): number {
  return threads.length + 1;
}

/**
 * Makes kernels run on `count` threads from now on (default: the number that can run at once), in Node, Deno, Bun and browsers.
 * At most two threads per processor are started, since more could only take turns.
 * Where memory cannot be shared (a page that is not cross-origin isolated), one thread remains, and the results are the same.
 * In Node, Deno and Bun, threads do not keep the program from ending. `spawn` starts a thread. Pass `webThread` of your own
 * worker if a bundler or a server keeps the library from finding its own.
 * @throws InputError if `count` is not a whole number from 1 to 256, or a thread does not start; names the address of its script
 */
export function useThreads(count: number = defaultThreads(), spawn: () => Thread = newThread): Promise<void> {
  change = change.catch(() => {}).then(() => changeThreads(count, spawn));
  return change;
}

async function changeThreads(count: number, spawn: () => Thread): Promise<void> {
  if (!(Number.isInteger(count) && count >= 1 && count <= MOST_THREADS)) {
    throw new InputError(`useThreads: count must be a whole number from 1 to ${MOST_THREADS}, but is ${show(count)}`);
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

/** Starts the other threads. Returns them when all wait for work; terminates them all if one does not start. */
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
  const thread = attempt(spawn);
  check("what spawn returns", thread, aThread);
  return thread;
}

function attempt(spawn: () => Thread): Thread {
  try {
    return spawn();
  } catch (error) {
    throw new InputError(`no worker thread can be started here: ${(error as Error).message}; one thread needs none`);
  }
}

async function startOne(thread: Thread, index: number, count: number): Promise<void> {
  const message: ThreadStart = {
    module: module as WebAssembly.Module,
    memory: wasmMemory,
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

/** Runs kernel(…args, from, to) over units [0, units) on all threads. */
export function parallel<K extends keyof Kernels>(kernel: K, units: number, ...args: RangeArguments<Kernels[K]>): void {
  run(kernel, units, 0, args);
}

/** Fewer elements than this are done before another thread could start. */
const LEAST_ELEMENTS = 16_384;

/** `parallel` for kernels whose unit is one element; few elements are computed on this thread alone. */
export function parallelElements<K extends keyof Kernels>(
  kernel: K,
  elements: number,
  ...args: RangeArguments<Kernels[K]>
): void {
  if (elements < LEAST_ELEMENTS) (kernels[kernel] as (...all: unknown[]) => void)(...args, 0, elements);
  else run(kernel, elements, 0, args);
}

/** Runs kernel(…args, from, to, scratch) over units [0, units) on all threads, each with its own `scratchBytes`. */
export function parallelWithScratch<K extends keyof Kernels>(
  kernel: K,
  units: number,
  scratchBytes: number,
  ...args: ScratchArguments<Kernels[K]>
): void {
  run(kernel, units, scratchBytes, args);
}

/** Reserves scratch space now, so that a later `parallelWithScratch` with `scratchBytes` cannot run out of memory. */
export function reserveScratch(scratchBytes: number): void {
  scratch(strideOf(scratchBytes) * threadCount());
}

/** Bytes from one thread's scratch to the next thread's. @throws OutOfMemoryError for what no memory has */
function strideOf(scratchBytes: number): number {
  if (scratchBytes < 0) throw new OutOfMemoryError("a kernel needs more than 2 GiB of scratch space for this"); // in 32 bits
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

/** Announces a job to the other threads, wakes those that can run, and returns the job's number. */
function announce(kernel: number, args: readonly Argument[], units: number, room: Address, stride: number): number {
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

/** A share never takes this long: a thread that is silent for this time has died. */
const STALL_TIMEOUT_MS = 60_000;
const NAP_MS = 1000;

/**
 * Spins for a moment, since threads finish together, and then sleeps: on a busy machine, spinning would keep the others from
 * running. If the process was paused, that time counts as one nap at most, so a laptop may sleep in the middle of a step.
 */
function waitForAll(): void {
  let [silent, before] = [0, performance.now()];
  while (!spinUntilDone()) {
    const pending = Atomics.load(control, CONTROL.pending);
    if (canSleep && pending > 0) Atomics.wait(control, CONTROL.pending, pending, NAP_MS);
    const now = performance.now();
    silent += Math.min(now - before, NAP_MS);
    before = now;
    if (silent > STALL_TIMEOUT_MS) {
      death = new ThreadDeathError(
        "a worker thread has died: it did not end its part of a kernel; start the program again",
      );
      throw death;
    }
  }
  const failed = Atomics.exchange(control, CONTROL.failed, 0);
  if (failed !== 0) throw new Error(`worker thread ${failed} failed in ${kernelNames[control[CONTROL.kernel]]}`);
}

/** Watches for a moment; returns whether all shares are finished. */
function spinUntilDone(): boolean {
  for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(control, CONTROL.pending) === 0) return true;
  return false;
}
