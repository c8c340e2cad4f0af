import * as assert from "uvu/assert";
import { memoryTable } from "../../src/report/memory-table.ts";
import { formatTable } from "../../src/report/table.ts";
import { suite } from "../harness.ts";

const test = suite("tables");

test("columns are as wide as their widest cell, aligned left or right", () => {
  const rows = [["a", "bbb"], ["cccc", "d"], ["e"]];
  assert.is(formatTable(rows, "left"), "  a     bbb\n  cccc  d\n  e");
  assert.is(formatTable(rows, "right"), "     a  bbb\n  cccc    d\n     e");
  assert.is(formatTable([], "left"), "");
});

test("control characters are shown as escapes, and count in the width of their cell", () => {
  const rows = [
    ["a\x1b[31m\r\n.md", "1"],
    ["b\u202e", "2"],
  ];
  assert.is(formatTable(rows, "left"), "  a\\x1b[31m\\r\\n.md  1\n  b\\u202e           2");
});

test("a table of memory sizes compares every line with the first", () => {
  const result = (memory: number, perplexity: number) => {
    return { memory, perplexity, bits_per_byte: 1.25, nats: 12345 * Math.log(perplexity) };
  };
  const results = [result(0, 20), result(512, 19), result(8192, 21.04), result(65536, 20.001)];
  assert.is(
    memoryTable({ tokens: 12345, bytes: 45678, results }),
    `  memory  perplexity  bits/byte  change
       0       20.00     1.2500   0.0 %
     512       19.00     1.2500  −5.0 %
   8,192       21.04     1.2500  +5.2 %
  65,536       20.00     1.2500   0.0 %
over the same 12,345 tokens (45,678 bytes) in every line`,
  );
});
