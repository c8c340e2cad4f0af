/**
 * The code of a worker thread: it takes shares of each kernel call that parallel.ts announces, until terminated.
 *
 * A job is cut into shares, and each thread that is awake takes the next free one, so the job does not wait for a thread that the
 * system keeps from running. Between jobs a thread spins for a moment, since the next op of a step is microseconds away, and
 * then sleeps until notified.
 *
 * This file imports nothing, because importing the runtime would make a second memory. Module, memory and the shared
 * control block arrive with the start message, which worker.js receives.
 */

/** Places in the shared control block (i32). */
export const CONTROL = {
  /** Number of the current job; threads wait for it to change. */
  job: 0,
  /** Number of shares of the job that are not finished. */
  pending: 1,
  /** Number of threads that sleep. */
  sleeping: 2,
  kernel: 3,
  argumentCount: 4,
  units: 5,
  /** Address of share 0's scratch; that of share i is i strides further. */
  scratch: 6,
  scratchStride: 7,
  /** Index of a thread whose kernel threw, or 0. */
  failed: 8,
  /** From here on, one place for each share: the last job in which it was taken. */
  taken: 9,
} as const;
/** An upper bound on the parameters of a kernel. */
export const MOST_ARGUMENTS = 64;

/** The start message of a thread. */
export interface ThreadStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly control: Int32Array;
  readonly argumentsBlock: Float64Array;
  readonly kernelNames: readonly string[];
  /** Number of this thread; 0 is the main one. */
  readonly index: number;
  /** Number of shares in every job. */
  readonly shares: number;
}

type AnyKernel = (...args: number[]) => void;

/** Spins before sleeping, about a tenth of a millisecond: longer than the gap between two ops, shorter than two wake-ups. */
export const SPINS = 20_000;

/** Starts the thread. Calls `ready` when it can take work, just before it stops receiving messages. */
export async function runThread(start: ThreadStart, ready: () => void): Promise<never> {
  const { exports } = await WebAssembly.instantiate(start.module, { env: { memory: start.memory } });
  ready();
  return runForever(start, exports as Record<string, AnyKernel>);
}

function runForever(start: ThreadStart, kernels: Record<string, AnyKernel>): never {
  const { control, index, shares } = start;
  for (let job = Atomics.load(control, CONTROL.job); ; job = nextJob(control, job)) {
    for (let share = take(control, job, index, shares); share >= 0; share = take(control, job, index, shares)) {
      try {
        compute(start, kernels, share);
      } catch {
        Atomics.store(control, CONTROL.failed, index);
      }
      finish(control);
    }
  }
}

/** Waits for another job than `job`. */
function nextJob(control: Int32Array, job: number): number {
  for (let spin = 0; spin < SPINS; spin++) {
    const current = Atomics.load(control, CONTROL.job);
    if (current !== job) return current;
  }
  Atomics.add(control, CONTROL.sleeping, 1);
  while (Atomics.load(control, CONTROL.job) === job) Atomics.wait(control, CONTROL.job, job);
  Atomics.sub(control, CONTROL.sleeping, 1);
  return Atomics.load(control, CONTROL.job);
}

/**
 * Takes a free share of the job, preferably thread `index`'s own, so that a core works on the same rows again. Returns -1 if
 * all are taken. A thread that has taken a share may read the job: the next job is announced only after that share is finished.
 */
export function take(control: Int32Array, job: number, index: number, shares: number): number {
  const before = (job - 1) | 0; // as an i32 counts
  for (let i = 0; i < shares; i++) {
    const share = (index + i) % shares;
    if (Atomics.compareExchange(control, CONTROL.taken + share, before, job) === before) return share;
  }
  return -1;
}

function compute(
  { control, argumentsBlock, kernelNames, shares }: ThreadStart,
  kernels: Record<string, AnyKernel>,
  share: number,
): void {
  const [from, to] = shareOf(control[CONTROL.units], share, shares);
  const room = (control[CONTROL.scratch] >>> 0) + share * control[CONTROL.scratchStride];
  const args = argumentsBlock.subarray(0, control[CONTROL.argumentCount]);
  if (to > from) kernels[kernelNames[control[CONTROL.kernel]]](...args, from, to, room);
}

/** Marks a share as finished; the last one wakes the main thread. */
export function finish(control: Int32Array): void {
  if (Atomics.sub(control, CONTROL.pending, 1) === 1) Atomics.notify(control, CONTROL.pending);
}

/** Returns [from, to), the units of share `index` of `count`. */
export function shareOf(units: number, index: number, count: number): [from: number, to: number] {
  return [Math.floor((units * index) / count), Math.floor((units * (index + 1)) / count)];
}
