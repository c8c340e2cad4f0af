/**
 * The progress line on standard error: on a terminal one line that overwrites itself, elsewhere a plain line every few
 * seconds, so that a log stays short. Results go to standard output instead. Lines may name documents of any origin, so
 * they are made printable.
 */
import { printable } from "../base/printable.ts";
import type { StepMetrics } from "../train/step-metrics.ts";

/** The part of process.stderr that is used. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Milliseconds between two lines. */
const TERMINAL_PAUSE = 100;
const LOG_PAUSE = 5000;

export class ProgressLine {
  private readonly stream: ProgressStream;
  private readonly now: () => number;
  private nextAt: number;
  /** The last line to show, if it has not been written yet. */
  private pending: string | undefined;
  /** Whether the cursor is after a line that the next one overwrites. */
  private open = false;

  /** Shows progress on `stream`; `now` is a clock in milliseconds. */
  constructor(stream: ProgressStream, now: () => number = () => performance.now()) {
    this.stream = stream;
    this.now = now;
    this.nextAt = stream.isTTY ? now() : now() + LOG_PAUSE;
  }

  /** Shows `line`, or keeps it pending if another one was shown just before. */
  show(line: string): void {
    this.pending = line;
    if (this.now() < this.nextAt) return;
    this.nextAt = this.now() + (this.stream.isTTY ? TERMINAL_PAUSE : LOG_PAUSE);
    this.flush();
  }

  /** Shows the last line if it is still pending, and ends it; further output begins a new line. */
  end(): void {
    this.flush();
    if (this.open) this.stream.write("\n");
    this.open = false;
  }

  /** Ends the work that was shown without its last line, if that is still pending. */
  pass(): void {
    this.pending = undefined;
    this.end();
  }

  /** Ends the progress line and writes a line that stays. */
  note(line: string): void {
    this.end();
    this.stream.write(`${printable(line)}\n`);
  }

  private flush(): void {
    const { pending, stream } = this;
    if (pending === undefined) return;
    const line = printable(pending);
    this.pending = undefined;
    if (!stream.isTTY) {
      stream.write(`${line}\n`);
      return;
    }
    // One column stays free: in the last one, some terminals would begin a new line.
    stream.write(`\r${line.slice(0, (stream.columns ?? 80) - 1)}\x1b[K`);
    this.open = true;
  }
}

/** `step 120/1000  loss 3.214  perplexity 24.9  8,120 tokens/s  gate 0.48  memory 38 % full  2 min 5 s left` */
export function trainingLine(metrics: StepMetrics, steps: number): string {
  const parts = [
    `step ${metrics.step}/${steps}`,
    `loss ${metrics.loss.toFixed(3)}`,
    `perplexity ${metrics.perplexity.toPrecision(3)}`,
    `${wholeNumber(metrics.tokensPerSecond)} tokens/s`,
    ...metrics.gates.map((gate) => `gate ${gate.toFixed(2)}`),
    `memory ${Math.round(100 * metrics.memoryFill)} % full`,
    `${duration(metrics.secondsLeft)} left`,
  ];
  return parts.join("  ");
}

/** Returns a callback that shows work on tokens, starting now: `evaluating 45 %  12,000 tokens/s  20 s left`. */
export function tokenProgress(progress: ProgressLine, work: string): (done: number, total: number) => void {
  const began = performance.now();
  return (done, total) => {
    const rate = (1000 * done) / Math.max(1, performance.now() - began);
    const share = Math.floor((100 * done) / total);
    progress.show(`${work} ${share} %  ${wholeNumber(rate)} tokens/s  ${duration((total - done) / rate)} left`);
  };
}

/** Returns a callback that shows how much of a model was read: `loading 45 %`. */
export function loadProgress(progress: ProgressLine): (done: number, total: number) => void {
  return (done, total) => progress.show(`loading ${Math.floor((100 * done) / total)} %`);
}

/** `12,345`, as toLocaleString has it, which takes a fiftieth of a second to learn a language when it is first called. */
export function wholeNumber(value: number): string {
  return Math.round(value)
    .toFixed()
    .replaceAll(/\B(?=(?:\d{3})+$)/g, ",");
}

/** `59 s`, `2 min 5 s`, `3 h 20 min` */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
