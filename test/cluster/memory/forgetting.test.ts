/** A memory in shards that grows and forgets while somebody reads it. */
import * as assert from "uvu/assert";
import { Random } from "../../../src/base/random.ts";
import { Shard } from "../../../src/memory/served/shard.ts";
import { heap } from "../../../src/wasm/runtime.ts";
import { suite } from "../../harness.ts";
import { normals, unitVectors } from "../../memories.ts";
import { snapshotOf } from "./fleet.ts";
import { fiveShards, same } from "./lookups.ts";

const test = suite("a memory in shards that changes");

test("what is appended while somebody reads is seen by those that open the memory later", () => {
  const { fleet, find } = fiveShards();
  const early = fleet.reader();
  const before = find(early, 12);
  const random = new Random(1);
  fleet.append(snapshotOf(1, 3, [{ keys: unitVectors(3, 3, random), values: normals(9, random) }]), 2);
  same(find(early, 12), before, "as it was");
  const late = fleet.reader();
  assert.equal([early.length, late.length], [10, 13]);
  assert.equal(
    find(late, 13).pairs.toSorted((a, b) => a - b),
    Array.from({ length: 13 }, (_, pair) => pair),
  );
});

test("what is forgotten is answered for a minute longer, and then readers go on without it", () => {
  const { fleet, find } = fiveShards();
  const reader = fleet.reader();
  const before = find(reader);
  const now = performance.now();
  fleet.forget(2, now + 1000);
  same(find(reader), before, "in the minute");
  fleet.forget(0, now + 62_000);
  const after = find(reader);
  assert.equal(
    after.pairs,
    before.pairs.filter((pair) => pair >= 4),
    "pairs keep their numbers",
  );
  assert.equal([reader.length, reader.searched], [6, 1]);
  fleet.forget(3, now + 70_000);
  fleet.forget(0, now + 140_000);
  assert.equal(find(reader).counts, [0]);
  assert.is(fleet.reader().length, 0);
});

test("a segment that is held twice takes its bytes once, and gives all of them back", () => {
  const random = new Random(2);
  const segment = snapshotOf(1, 3, [{ keys: unitVectors(3, 3, random), values: normals(9, random) }]);
  const before = heap.bytesInUse;
  const shard = new Shard({ heads: 1, width: 3 });
  shard.hold("a", segment);
  const once = heap.bytesInUse;
  shard.hold("a", segment);
  assert.is(heap.bytesInUse, once);
  shard.release();
  assert.is(heap.bytesInUse, before);
});
