/** The lists of a row are renewed a little with every key, so an append never waits for a clustering. */
import * as assert from "uvu/assert";
import { Random } from "../../../src/base/random.ts";
import { Ring } from "../../../src/memory/ring.ts";
import { Renewals } from "../../../src/memory/search/renewals.ts";
import { type HeadLayout, RowLists } from "../../../src/memory/search/row-lists.ts";
import { heap, kernels } from "../../../src/wasm/runtime.ts";
import { suite } from "../../harness.ts";
import { remember } from "../../memories.ts";
import { normals } from "./inverted-memories.ts";

const test = suite("lists of a row");

const [WIDTH, SIZE, LISTS] = [4, 800, 40];

test("every append to a full memory assigns only a few keys to new clusters, and renewals still happen", () => {
  const ring = new Ring({ rows: 1, heads: 1, width: WIDTH, size: SIZE, segment: 0 }, "float32");
  const [indexBytes, bytes] = [kernels.lists_bytes(WIDTH, SIZE, LISTS), kernels.kmeans_bytes(WIDTH, SIZE, LISTS)];
  const layout: HeadLayout = {
    bytes: indexBytes + 2 * bytes,
    clusterings: [indexBytes, indexBytes + bytes],
    lists: LISTS,
  };
  const blocks = heap.allocate(layout.bytes);
  kernels.lists_layout(blocks, WIDTH, SIZE, SIZE, LISTS);
  for (const offset of layout.clusterings) kernels.kmeans_layout(blocks + offset, WIDTH, SIZE, LISTS);
  const lists = new RowLists(ring, 0, blocks, layout, new Renewals(SIZE, 50), () => LISTS);
  /** The nearest list of each slot in both clusterings: u16, the last part of each. */
  const assigned = () =>
    layout.clusterings.map((offset) => heap.u16(blocks + offset + 64 + LISTS * WIDTH * 8, SIZE).slice());
  const keys = normals(new Random(3), 3 * SIZE, WIDTH);
  const changes: number[] = [];
  for (let n = 0; n < 3 * SIZE; n++) {
    const before = assigned();
    remember(ring, 0, keys.subarray(n * WIDTH, (n + 1) * WIDTH));
    lists.follow();
    const after = assigned();
    const changed = [0, 1].map((side) => after[side].filter((list, slot) => list !== before[side][slot]).length);
    if (n >= SIZE) changes.push(changed[0] + changed[1]);
  }
  heap.release(blocks);
  ring.release();
  const all = changes.reduce((sum, count) => sum + count, 0);
  assert.ok(all > 4 * SIZE, `${all} changes are too few for renewals`);
  assert.ok(Math.max(...changes) < SIZE / 8, `${Math.max(...changes)} keys at once`);
});
