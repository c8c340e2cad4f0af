/**
 * How much of the machine other processes used while ours were timed. Read from /proc, so on Linux only; elsewhere nothing is
 * known, and every round counts as undisturbed.
 */
import { existsSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { pid } from "node:process";

/** Milliseconds of one tick of /proc: Linux reports times to programs in hundredths of a second. */
const TICK_MS = 10;
/** The share of all cores that others may use in an undisturbed round: 8 % of a core where there are two. */
const TOLERATED = 0.04;
/** Processor time of others that may be an error of counting in ticks, or the system's own upkeep. */
const SLACK_MS = 2 * TICK_MS;

interface Reading {
  readonly at: number;
  /** Processor time of all processes, and time that the host of a virtual machine took away. */
  readonly all: number;
  readonly own: number;
}

/** Watches the cores between laps. */
export class Others {
  private readonly own: readonly number[];
  private last: Reading | undefined;

  /** `processes`: the ids of those that are not others, besides this one. */
  constructor(processes: readonly number[]) {
    this.own = [pid, ...processes];
    this.last = this.read();
  }

  /**
   * Returns the use by others since the last lap, relative to what is tolerated: above 1 they disturbed. 0 where it is not known.
   */
  lap(): number {
    const before = this.last;
    const after = this.read();
    this.last = after;
    if (before === undefined || after === undefined) return 0;
    const others = after.all - before.all - (after.own - before.own);
    return others / (TOLERATED * cpus().length * (after.at - before.at) + SLACK_MS);
  }

  private read(): Reading | undefined {
    if (!existsSync("/proc/stat")) return undefined;
    const own = this.own.reduce((sum, id) => sum + timeOfProcess(id), 0);
    return { at: performance.now(), all: timeOfAll(readFileSync("/proc/stat", "latin1")), own };
  }
}

/** Reads the first line of /proc/stat: cpu, then ticks as user, nice, system, idle, iowait, irq, softirq, steal. */
export function timeOfAll(stat: string): number {
  const [user, nice, system, , , irq, softirq, steal = 0] = stat
    .split("\n")[0]
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return TICK_MS * (user + nice + system + irq + softirq + steal);
}

/** Returns the processor time of a process with all its threads and its ended children; 0 if it has ended. */
function timeOfProcess(id: number): number {
  try {
    return timeInStat(readFileSync(`/proc/${id}/stat`, "latin1"));
  } catch {
    return 0;
  }
}

/** Reads /proc/ID/stat. The name, in parentheses, may hold anything; fields 14 to 17 are utime, stime, cutime and cstime. */
export function timeInStat(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return TICK_MS * fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0);
}
