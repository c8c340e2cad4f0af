/**
 * Runs a kernel on all threads: the units of its work are shared out, the calling thread takes its part, and the call
 * returns when all are done. Without other threads it is a plain call.
 *
 * A parallel kernel ends its parameters in (…, from, to), the units to compute, or in (…, from, to, scratch), when it needs
 * memory of its own. No unit's result depends on which thread computed it, so results are bit-equal for any thread count.
 * How threads are made is the caller's matter (`useThreads`); what they do is thread.ts.
 */

import type { Kernels } from "./kernels.generated.ts";
import { kernels, memory, module } from "./runtime.ts";
import { scratch } from "./scratch.ts";
import { CONTROL, MOST_ARGUMENTS, SPINS, shareOf, type ThreadStart } from "./thread.ts";

type Argument = number | boolean;
/** The arguments of a parallel kernel before (from, to). */
type RangeArguments<F> = F extends (...args: [...infer A extends Argument[], number, number]) => unknown ? A : never;
/** The arguments of a parallel kernel before (from, to, scratch). */
type ScratchArguments<F> = F extends (...args: [...infer A extends Argument[], number, number, number]) => unknown
  ? A
  : never;

/** A running worker, as this file needs it: Node's and the Web's differ. */
export interface Thread {
  /** Sends the start message; resolves when the thread has its kernels and waits for work. */
  start(message: ThreadStart): Promise<void>;
  /** `report` is told the reason when the thread has ended, whatever ended it. */
  onEnd(report: (reason: string) => void): void;
  terminate(): void;
}

/** Thrown by the first kernel after the death of a thread, and by one that waits for it; names it. */
export class ThreadDeathError extends Error {
  override name = "ThreadDeathError";
}

const kernelNames = Object.keys(kernels) as (keyof Kernels)[];
const kernelIndex = new Map(kernelNames.map((name, index) => [name, index]));

/** A page's main thread may not sleep; it has a document. */
const canSleep = !("document" in globalThis);

let threads: Thread[] = [];
let death: ThreadDeathError | undefined;
let control: Int32Array = new Int32Array(0);
let argumentsBlock: Float64Array = new Float64Array(0);

/** Threads that kernels run on, the calling one among them. */
export function threadCount(): number {
  return threads.length + 1;
}

/** A thread in a browser or in Deno: a Web Worker. */
export function webThread(): Thread {
  const script = import.meta.url.replace(/parallel\.(ts|js)$/, "worker.$1");
  const worker = new Worker(script, { type: "module" });
  return {
    start: (message) =>
      new Promise((resolve, reject) => {
        worker.onmessage = () => resolve();
        worker.onerror = (event) => reject(new Error(`a worker could not start: ${event.message}`));
        worker.postMessage(message);
      }),
    onEnd: (report) => {
      worker.onerror = (event) => {
        event.preventDefault(); // Deno would end the program
        report(event.message);
      };
    },
    terminate: () => worker.terminate(),
  };
}

/**
 * Makes kernels run on `count` threads from now on. Where memory cannot be shared, one thread remains and the results are
 * the same. `spawn` makes a thread; Node's is nodeThread in platform/worker.ts.
 */
export async function useThreads(count: number, spawn: () => Thread = webThread): Promise<void> {
  for (const thread of threads.splice(0)) thread.terminate();
  death = undefined;
  if (count <= 1 || typeof SharedArrayBuffer === "undefined") return;
  control = new Int32Array(new SharedArrayBuffer((CONTROL.taken + count) * 4));
  argumentsBlock = new Float64Array(new SharedArrayBuffer(MOST_ARGUMENTS * 8));
  const started = Array.from({ length: count - 1 }, async (_, i) => {
    const thread = spawn();
    await thread.start({ module, memory, control, argumentsBlock, kernelNames, index: i + 1, count });
    thread.onEnd((reason) => {
      if (threads.includes(thread)) death = deathOf(i + 1, reason);
    });
    return thread;
  });
  threads = await Promise.all(started);
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
  const count = threadCount();
  const stride = strideOf(scratchBytes);
  const room = stride > 0 ? scratch(stride * count) : 0;
  const call = kernels[kernel] as (...all: unknown[]) => void;
  if (count === 1 || units <= 1) {
    call(...args, 0, units, room);
    return;
  }
  if (death !== undefined) throw death;
  announce(kernelIndex.get(kernel) as number, args, units, room, stride);
  call(...args, ...shareOf(units, 0, count), room);
  waitForAll();
}

/** Wakes the other threads with a job. */
function announce(kernel: number, args: readonly Argument[], units: number, room: number, stride: number): void {
  for (let i = 0; i < args.length; i++) argumentsBlock[i] = Number(args[i]);
  control[CONTROL.kernel] = kernel;
  control[CONTROL.argumentCount] = args.length;
  control[CONTROL.units] = units;
  control[CONTROL.scratch] = room;
  control[CONTROL.scratchStride] = stride;
  Atomics.store(control, CONTROL.pending, threads.length);
  Atomics.add(control, CONTROL.job, 1);
  Atomics.notify(control, CONTROL.job);
}

/** A thread that has not taken its part for so long has died; it is awake, or woken, when a job is announced. */
const SLUGGISHNESS_MS = 3000;
/** A kernel's part never takes this long; a thread that is silent for it has died. */
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
    else spinUntilDone();
    silent += Math.min(performance.now() - before, NAP_MS);
    if (silent > SLUGGISHNESS_MS) requireTaken();
    if (silent > SILENCE_MS)
      throw new ThreadDeathError("a worker thread has died: it did not end its part of a kernel");
  }
  if (Atomics.load(control, CONTROL.failed) !== 0) {
    throw new Error(`worker thread ${control[CONTROL.failed]} failed in ${kernelNames[control[CONTROL.kernel]]}`);
  }
}

/** @throws ThreadDeathError if a thread has not even begun */
function requireTaken(): void {
  const job = Atomics.load(control, CONTROL.job);
  for (let index = 1; index < threadCount(); index++) {
    if (Atomics.load(control, CONTROL.taken + index) !== job) throw deathOf(index, "it does not wake up");
  }
}

/** Whether all threads finished their parts within a moment of watching. */
function spinUntilDone(): boolean {
  for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(control, CONTROL.pending) === 0) return true;
  return false;
}
