/**
 * The life of a worker thread: take a share of each kernel call that parallel.ts announces, until terminated.
 *
 * It imports nothing, since importing the runtime would make a memory of its own: module, memory and the shared control
 * block arrive with the start message. Between jobs it spins for a moment, since the next op of a step is microseconds
 * away, and then sleeps until notified. How the message arrives is worker.ts's matter (Web) or platform/worker.ts's (Node).
 */

/** Places in the shared control block (i32). */
export const CONTROL = {
  /** Number of the current job; threads wait for it to change. */
  job: 0,
  /** Threads that have not finished the job. */
  pending: 1,
  kernel: 2,
  argumentCount: 3,
  units: 4,
  /** Address of thread 0's scratch; that of thread i is i strides further. */
  scratch: 5,
  scratchStride: 6,
  /** Index of a thread whose kernel threw, or 0. */
  failed: 7,
  /** From here on, a place for each thread: the job that it took last. */
  taken: 8,
} as const;
/** No kernel has more parameters. */
export const MOST_ARGUMENTS = 64;

/** What a thread is told when it starts. */
export interface ThreadStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly control: Int32Array;
  readonly argumentsBlock: Float64Array;
  readonly kernelNames: readonly string[];
  /** Which of `count` threads this is; 0 is the main one. */
  readonly index: number;
  readonly count: number;
}

type AnyKernel = (...args: number[]) => void;

/** About a tenth of a millisecond: longer than the gap between two ops, shorter than it costs to be woken twice. */
export const SPINS = 20_000;

/** `seen`: the number of the last job before the thread's first. */
function runForever(start: ThreadStart, kernels: Record<string, AnyKernel>, seen: number): never {
  const { control, argumentsBlock, kernelNames, index, count } = start;
  for (;;) {
    for (let spin = 0; spin < SPINS && Atomics.load(control, CONTROL.job) === seen; spin++);
    while (Atomics.load(control, CONTROL.job) === seen) Atomics.wait(control, CONTROL.job, seen);
    seen = (seen + 1) | 0; // as the number of the job, which is an i32, goes on
    Atomics.store(control, CONTROL.taken + index, seen);
    const units = control[CONTROL.units];
    const [from, to] = shareOf(units, index, count);
    const room = (control[CONTROL.scratch] >>> 0) + index * control[CONTROL.scratchStride];
    try {
      const args = argumentsBlock.subarray(0, control[CONTROL.argumentCount]);
      if (to > from) kernels[kernelNames[control[CONTROL.kernel]]](...args, from, to, room);
    } catch {
      Atomics.store(control, CONTROL.failed, index);
    }
    if (Atomics.sub(control, CONTROL.pending, 1) === 1) Atomics.notify(control, CONTROL.pending);
  }
}

/** [from, to) of thread `index` of `count`. */
export function shareOf(units: number, index: number, count: number): [from: number, to: number] {
  return [Math.floor((units * index) / count), Math.floor((units * (index + 1)) / count)];
}

/** Starts the thread; `ready` is called when it can take work, just before it stops listening to anything else. */
export async function runThread(start: ThreadStart, ready: () => void): Promise<never> {
  const { exports } = await WebAssembly.instantiate(start.module, { env: { memory: start.memory } });
  const seen = Atomics.load(start.control, CONTROL.job);
  ready();
  return runForever(start, exports as Record<string, AnyKernel>, seen);
}
