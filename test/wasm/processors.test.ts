/** The processors that a process's control groups allow, read from files as Linux and container runtimes lay them out. */
import { availableParallelism } from "node:os";
import * as assert from "uvu/assert";
import { processorQuota, processors } from "../../src/wasm/processors.ts";
import { suite } from "../harness.ts";

const test = suite("processors");

test("a small example, written out: 150 ms in each 100 ms are one and a half processors", () => {
  const files: Record<string, string> = { "/proc/self/cgroup": "0::/", "/sys/fs/cgroup/cpu.max": "150000 100000" };
  assert.is(
    processorQuota((path) => files[path]),
    1.5,
  );
});

const cases: [string, number, Record<string, string>][] = [
  ["no control groups", Infinity, {}],
  ["version 2, no limit", Infinity, { "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "max 100000\n" }],
  ["version 2, in a container", 2, { "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "200000 100000\n" }],
  [
    "version 2, the least quota of all groups on the path",
    1.5,
    {
      "/proc/self/cgroup": "0::/user.slice/app.scope\n",
      "/sys/fs/cgroup/user.slice/cpu.max": "150000 100000\n",
      "/sys/fs/cgroup/user.slice/app.scope/cpu.max": "400000 100000\n",
    },
  ],
  [
    "version 1, named by its group",
    0.5,
    {
      "/proc/self/cgroup": "7:memory:/docker/1f\n4:cpu,cpuacct:/docker/1f\n0::/\n",
      "/sys/fs/cgroup/cpu,cpuacct/docker/1f/cpu.cfs_quota_us": "50000\n",
      "/sys/fs/cgroup/cpu,cpuacct/docker/1f/cpu.cfs_period_us": "100000\n",
    },
  ],
  [
    "version 1, in a container, which sees its group as the root",
    3,
    {
      "/proc/self/cgroup": "4:cpuacct,cpu:/docker/1f\n",
      "/sys/fs/cgroup/cpuacct,cpu/cpu.cfs_quota_us": "300000\n",
      "/sys/fs/cgroup/cpuacct,cpu/cpu.cfs_period_us": "100000\n",
    },
  ],
  [
    "version 1, no limit",
    Infinity,
    {
      "/proc/self/cgroup": "4:cpu:/\n",
      "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
      "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    },
  ],
  ["a quota that is not a number", Infinity, { "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "\n" }],
];

for (const [title, quota, files] of cases) {
  test(title, () =>
    assert.is(
      processorQuota((path) => files[path]),
      quota,
    ),
  );
}

test("this process has at least one processor, and at most those of its affinity", () => {
  assert.ok(processors() >= 1 && processors() <= availableParallelism(), `${processors()}`);
});
