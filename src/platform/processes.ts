/**
 * Processes, told apart from all others that ever were: number, machine, pid namespace and start. It runs in Node and in
 * Deno; what a system does not tell is null.
 */
import * as fs from "node:fs";
import { hostname } from "node:os";
import process from "node:process";
import { codeOf } from "./system-errors.ts";

export interface ProcessIdentity {
  readonly pid: number;
  readonly host: string;
  /** The pid namespace, in which `pid` counts: containers of one host name each have their own. Known on Linux. */
  readonly namespace: string | null;
  /** When it started, as the system counts. Known on Linux. */
  readonly start: string | null;
}

export function thisProcess(): ProcessIdentity {
  const { pid } = process;
  return { pid, host: hostname(), namespace: pidNamespace(), start: startOf(pid) };
}

/** Whether the process still runs. Nobody can tell from another machine, or from another pid namespace. */
export function stateOf({ pid, host, namespace, start }: ProcessIdentity): "running" | "ended" | "unknown" {
  const here = pidNamespace();
  if (host !== hostname() || (namespace !== null && here !== null && namespace !== here)) return "unknown";
  if (!isRunning(pid)) return "ended";
  const known = startOf(pid);
  return known === null || start === null || known === start ? "running" : "ended";
}

/** Whether a process of this number runs in the pid namespace of this one. */
export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === "EPERM"; // there is one, of another user
  }
}

/** `pid:[4026531836]`, see namespaces(7). */
export function pidNamespace(): string | null {
  return known(() => fs.readlinkSync("/proc/self/ns/pid"));
}

/** Boot and tick at which the process started, as Linux tells it (proc(5)). Nothing equals that of a zombie. */
function startOf(pid: number): string | null {
  return known(() => {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" "); // the name before may hold anything
    const boot = fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return state === "Z" ? "ended" : `${boot} ${fields[18]}`;
  });
}

/** A fact from the system, or null where it gives none. */
function known<T>(ask: () => T): T | null {
  try {
    return ask();
  } catch {
    return null;
  }
}
