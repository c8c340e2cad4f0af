/**
 * The number of processors that this process may use at once: its affinity, limited by the quota of its control groups
 * (cgroups(7), versions 1 and 2). A container with two processors on a machine with 64 has two. The counts of Deno and of
 * browsers respect such limits; Node's respects only the affinity.
 */
import type * as nodeFs from "node:fs";
import type * as nodeOs from "node:os";
import { builtin } from "./builtin.ts";

/** Reads a system file; undefined if it does not exist or may not be read. */
type Read = (path: string) => string | undefined;

/** Returns how many threads this process can run at once, at least 1. */
export function processors(): number {
  const { navigator, Deno } = globalThis as { navigator?: { hardwareConcurrency?: number }; Deno?: object };
  const os = Deno === undefined ? builtin<typeof nodeOs>("node:os") : undefined;
  if (os === undefined) return navigator?.hardwareConcurrency ?? 1;
  return Math.max(1, Math.min(os.availableParallelism(), Math.ceil(processorQuota(readOrNot))));
}

function readOrNot(path: string): string | undefined {
  try {
    return builtin<typeof nodeFs>("node:fs")?.readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** Returns the processors, perhaps a fraction, that the control groups allow this process; Infinity without a limit. */
export function processorQuota(read: Read): number {
  const lines = (read("/proc/self/cgroup") ?? "").trim().split("\n");
  const quotas = lines.flatMap((line) => {
    const [, controllers = "", path = ""] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === "") return ancestors("/sys/fs/cgroup", path).map((group) => quotaOfVersion2(read, group));
    if (!controllers.split(",").includes("cpu")) return [];
    return ancestors(`/sys/fs/cgroup/${controllers}`, path).map((group) => quotaOfVersion1(read, group));
  });
  return Math.min(...quotas, Infinity);
}

/** The directories from `mount` down to the group. In a container the group's own may be missing; `mount` stands for it. */
function ancestors(mount: string, path: string): string[] {
  const names = path.split("/").filter((name) => name !== "");
  return [mount, ...names.map((_, i) => `${mount}/${names.slice(0, i + 1).join("/")}`)];
}

/** Reads `cpu.max`: "200000 100000" (microseconds per period) or "max 100000". */
function quotaOfVersion2(read: Read, group: string): number {
  const [quota, period] = (read(`${group}/cpu.max`) ?? "max").trim().split(" ").map(Number);
  return quota > 0 && period > 0 ? quota / period : Infinity;
}

/** Reads the same from two files, with -1 for no limit. */
function quotaOfVersion1(read: Read, group: string): number {
  const quota = Number(read(`${group}/cpu.cfs_quota_us`));
  const period = Number(read(`${group}/cpu.cfs_period_us`));
  return quota > 0 && period > 0 ? quota / period : Infinity;
}
