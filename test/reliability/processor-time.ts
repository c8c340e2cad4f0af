/** Processor time as Linux counts it, which other processes of the machine do not lengthen much; 0 where the system does not say. */
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";

/** Clock ticks of a second in /proc. */
const TICKS = 100;

/** Seconds of this process, and of its children that have ended. */
export function processorSeconds(): number {
  const [own, ended] = secondsOf(process.pid);
  return own + ended;
}

/** Seconds of a process itself. */
export function ownSeconds(pid: number): number {
  return secondsOf(pid)[0];
}

/** Seconds of a process and of all below it, those that have ended included. */
export function treeSeconds(pid: number): number {
  const [own, ended] = secondsOf(pid);
  return childrenOf(pid).reduce((sum, child) => sum + treeSeconds(child), own + ended);
}

/** Seconds of the process itself, and of its children that have ended. */
function secondsOf(pid: number): [own: number, ended: number] {
  const stat = `/proc/${pid}/stat`;
  if (!existsSync(stat)) return [0, 0];
  const fields = readFileSync(stat, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  const [user, system, endedUser, endedSystem] = fields.slice(11, 15).map(Number);
  return [(user + system) / TICKS, (endedUser + endedSystem) / TICKS];
}

function childrenOf(pid: number): number[] {
  const list = `/proc/${pid}/task/${pid}/children`;
  if (!existsSync(list)) return [];
  const ids = readFileSync(list, "utf8").split(" ");
  return ids.filter((id) => id.trim() !== "").map(Number);
}
