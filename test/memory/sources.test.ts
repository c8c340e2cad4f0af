/** The sources of remembered pairs: spans of bytes, several documents, rings that wrap, copies into other sizes. */
import * as assert from "uvu/assert";
import { InputError } from "../../src/base/errors.ts";
import { SourceLog } from "../../src/memory/sources.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("sources");

/** Token n stands for n bytes. */
const tokenizer = { byteLength: (id: number) => id };

test("a small example, written out: a log knows document, place, token and bytes, and wraps with its memory", () => {
  const log = new SourceLog(5, tokenizer);
  log.openDocument("a");
  log.read(Int32Array.of(3, 1));
  log.read(Int32Array.of(4));
  log.closeDocument();
  log.openDocument("b");
  log.read(Int32Array.of(2, 7, 1));
  assert.equal([...log.documents], ["a", "b"]);
  assert.equal(log.at(1), { document: 0, index: 1, token: 1, begin: 3, end: 4 });
  assert.equal(log.at(2), { document: 0, index: 2, token: 4, begin: 4, end: 8 });
  assert.equal(log.at(4), { document: 1, index: 1, token: 7, begin: 2, end: 9 });
  assert.equal(log.at(0), { document: 1, index: 2, token: 1, begin: 9, end: 10 });
  assert.equal(
    [0, 1, 2, 3, 4].map((slot) => log.serial(slot)),
    [5, 1, 2, 3, 4],
  );
});

test("tokens that no memory keeps are passed over: the next ones have their place in the document, and the first slot", () => {
  const log = new SourceLog(5, tokenizer);
  log.openDocument("a");
  log.pass(Int32Array.of(3, 1));
  log.read(Int32Array.of(4));
  assert.is(log.appended, 1);
  assert.equal(log.at(0), { document: 0, index: 2, token: 4, begin: 4, end: 8 });
  const other = new SourceLog(5, tokenizer);
  other.pass(Int32Array.of(2));
  assert.equal([...other.documents], [""]);
});

test("tokens that are refused leave nothing, whether they are passed over or read", () => {
  for (const refused of ["pass", "read"] as const) {
    const log = new SourceLog(5, { byteLength: (id) => (id < 9 ? 1 : refuse(id)) });
    assert.throws(() => log[refused](Int32Array.of(1, 99)), /99/);
    assert.equal([...log.documents], []);
    log.read(Int32Array.of(2));
    assert.equal(log.at(0), { document: 0, index: 0, token: 2, begin: 0, end: 1 });
  }
  function refuse(id: number): never {
    throw new InputError(`there is no token ${id}`);
  }
});

test("a document of which nothing is read leaves no name", () => {
  const log = new SourceLog(5, tokenizer);
  log.openDocument("empty");
  log.closeDocument();
  log.openDocument("replaced");
  log.openDocument("read");
  log.read(Int32Array.of(4));
  log.closeDocument();
  assert.equal([...log.documents], ["read"]);
  assert.is(log.at(0).document, 0);
});

test("an empty slot has no source", () => {
  const log = new SourceLog(5, tokenizer);
  log.read(Int32Array.of(3, 1));
  for (const slot of [2, 3, 4]) assert.throws(() => log.at(slot), /holds no source/);
  for (const slot of [-1, 5, Number.NaN]) {
    assert.is(
      refusal(() => log.at(slot)),
      `slot: got ${slot}; it must be a whole number from 0 to 4`,
    );
  }
  log.reset();
  assert.throws(() => log.at(0), /holds no source/);
  log.copyIn(8, { documents: ["a"], columns: columnsOf(2, 0) });
  assert.is(log.at(7 % 5).token, 2);
  assert.throws(() => log.at(0), /holds no source/);
});

test("tokens read without an open document belong to a document without a name", () => {
  const log = new SourceLog(9, tokenizer);
  log.read(Int32Array.of(1));
  log.closeDocument();
  log.read(Int32Array.of(1, 1));
  assert.equal([...log.documents], ["", ""]);
  assert.equal([log.at(1).document, log.at(1).index], [1, 0]);
});

/** `count` sources of one document; token and index count from 1 and 0. */
function columnsOf(count: number, document: number) {
  const column = (first: number) => Int32Array.from({ length: count }, (_, n) => first + n);
  return {
    document: new Int32Array(count).fill(document),
    index: column(0),
    token: column(1),
    begin: column(0),
    end: column(1),
  };
}

test("a copy leaves out documents without a remaining token", () => {
  const log = new SourceLog(6, tokenizer);
  for (const [name, count] of [
    ["a", 4],
    ["b", 0],
    ["c", 3],
    ["d", 2],
  ] as const) {
    log.openDocument(name);
    log.read(new Int32Array(count).fill(1));
  }
  const { documents, columns } = log.copyOut(4);
  assert.equal([...documents], ["c", "d"]);
  assert.equal([...columns.document], [0, 0, 1, 1]);
  assert.equal([...columns.index], [1, 2, 0, 1]);
  assert.equal([...log.copyOut(0).documents], []);
});

for (const [capacity, written] of [
  [6, 4],
  [6, 23],
  [3, 11],
  [1, 7],
]) {
  test(`copied sources are found by slot in a log of ${capacity} that continues after ${written}`, () => {
    const log = new SourceLog(capacity, tokenizer);
    log.copyIn(written, { documents: ["x", "y"], columns: columnsOf(4, 1) });
    const kept = Math.min(4, capacity);
    for (let n = 0; n < kept; n++) {
      const serial = written - kept + n;
      assert.is(log.serial(serial % capacity), serial);
      assert.is(log.at(serial % capacity).token, 4 - kept + n + 1);
    }
    log.read(Int32Array.of(9));
    assert.equal(log.at(written % capacity), { document: 2, index: 0, token: 9, begin: 0, end: 9 });
  });
}
