/** A short soak; the long one is `npm run test:soak`. */
import * as assert from "uvu/assert";
import { heap } from "../../src/wasm/runtime.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { growth, type Reading, soakGeneration, soakTraining } from "../reliability/soak-run.ts";

const test = suite("soak");

const folder = folderFor(test, "soak-test");

function requireFlat(readings: readonly Reading[]): void {
  assert.is(readings.length, 10);
  assert.equal([growth(readings, "wasm"), growth(readings, "allocated")], [0, 0]);
}

test("a small example, written out: of 5, 7, 7 and 9 bytes the last is 2 above the third", () => {
  const reading = (allocated: number) => ({ done: 0, wasm: 0, allocated, objects: 0, resident: 0 });
  assert.is(growth([5, 7, 7, 9].map(reading), "allocated"), 2);
});

test("the heap does not grow during a training, and is empty afterwards", async () => {
  const before = heap.bytesInUse;
  requireFlat(await soakTraining(200, folder));
  const once = heap.bytesInUse - before; // what kernels keep as scratch
  await soakTraining(100, folder);
  assert.is(heap.bytesInUse - before, once);
});

test("the heap does not grow during a generation", async () => {
  requireFlat(await soakGeneration(1500));
});
