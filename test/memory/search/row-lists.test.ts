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

const WIDTH = 4;

/** A memory of one head with `lists` lists, which are renewed after at least `least` pairs. */
function listsOf(size: number, lists: number, least: number) {
  const ring = new Ring({ rows: 1, heads: 1, width: WIDTH, size, segment: 0 }, "float32");
  const [indexBytes, bytes] = [kernels.lists_bytes(WIDTH, size, lists), kernels.kmeans_bytes(WIDTH, size, lists)];
  const layout: HeadLayout = {
    bytes: indexBytes + 2 * bytes,
    clusterings: [indexBytes, indexBytes + bytes],
    lists,
  };
  const blocks = heap.allocate(layout.bytes);
  kernels.lists_layout(blocks, WIDTH, size, size, lists);
  for (const offset of layout.clusterings) kernels.kmeans_layout(blocks + offset, WIDTH, size, lists);
  const rowLists = new RowLists(ring, 0, blocks, layout, new Renewals(size, least), () => lists);
  return {
    append(key: ArrayLike<number>) {
      remember(ring, 0, key);
      rowLists.follow();
    },
    /** The nearest list of each slot in both clusterings: u16, the last part of each. */
    assigned: () =>
      layout.clusterings.map((offset) => heap.u16(blocks + offset + 64 + lists * WIDTH * 8, size).slice()),
    release() {
      heap.release(blocks);
      ring.release();
    },
  };
}

test("a small example, written out: keys that point left and right by turns are in two of four lists by turns", () => {
  const lists = listsOf(8, 4, 4);
  for (let n = 0; n < 64; n++) lists.append([n % 2 === 0 ? -1 : 1, 0, 0, 0]);
  for (const [first, second, ...others] of lists.assigned()) {
    assert.not.equal(first, second);
    assert.equal(others, [first, second, first, second, first, second]);
  }
  lists.release();
});

test("every append to a full memory assigns only a few keys to new clusters, and renewals still happen", () => {
  const SIZE = 800;
  const lists = listsOf(SIZE, 40, 50);
  const keys = normals(new Random(3), 3 * SIZE, WIDTH);
  const changes: number[] = [];
  for (let n = 0; n < 3 * SIZE; n++) {
    const before = lists.assigned();
    lists.append(keys.subarray(n * WIDTH, (n + 1) * WIDTH));
    const after = lists.assigned();
    const changed = [0, 1].map((side) => after[side].filter((list, slot) => list !== before[side][slot]).length);
    if (n >= SIZE) changes.push(changed[0] + changed[1]);
  }
  lists.release();
  const all = changes.reduce((sum, count) => sum + count, 0);
  assert.ok(all > 4 * SIZE, `${all} changes are too few for renewals`);
  assert.ok(Math.max(...changes) < SIZE / 8, `${Math.max(...changes)} keys at once`);
});
