/** Shares of the machine's limit, and the stretches by which language models are compared. */
import * as assert from "uvu/assert";
import type { Row } from "../../bench/harness.ts";
import type { Peak } from "../../bench/peak.ts";
import { withShares } from "../../bench/report.ts";
import { stretchMeans } from "../../bench/stretches.ts";
import { suite } from "../harness.ts";

const test = suite("bench report");

const peak: Peak = { gflops: 50, gops: 200, reads: 10, copies: [{ footprint: 2 ** 20, gbps: 40 }] };
const row: Row = {
  family: "read",
  shape: "a prompt",
  impl: "ours",
  threads: 1,
  median_ms: 10,
  min_ms: 9,
  max_ms: 11,
  rounds: 7,
  rate: 51.2,
  unit: "tokens/s",
  amount: 512,
  disturbed: 0,
  agrees: true,
};

test("a small example, written out: 50 MB take 5 ms of 10 at 10 GB/s", () => {
  const shares = (rows: Row[]) => withShares(rows, peak).map(({ share_of_peak }) => share_of_peak);
  const bytes = { ...row, work: { bytes: 50e6 } };
  assert.equal(shares([row, bytes, { ...bytes, threads: 2 }]), [undefined, 0.5, 0.25]);
  const mixed = { ...row, work: { floats: 50e6, integers: 400e6 } }; // 1 ms and 2 ms
  assert.equal(shares([mixed]), [0.3]);
  assert.equal(shares([{ ...row, unit: "GFLOP/s", rate: 25 }]), [0.5]);
  assert.ok(!("work" in withShares([bytes], peak)[0] || "amount" in withShares([bytes], peak)[0]));
});

test("stretches have equal lengths, or nearly", () => {
  assert.equal(
    [...stretchMeans(Float32Array.from({ length: 16 }, (_, i) => i))],
    [0.5, 2.5, 4.5, 6.5, 8.5, 10.5, 12.5, 14.5],
  );
  assert.equal([...stretchMeans(Float32Array.from({ length: 9 }, (_, i) => i))], [0, 1, 2, 3, 4, 5, 6, 7.5]);
});
