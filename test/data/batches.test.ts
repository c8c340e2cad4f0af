import * as assert from "uvu/assert";
import { Random } from "../../src/base/random.ts";
import { type Batch, evaluationBatches, TrainingBatches } from "../../src/data/batches.ts";
import type { TokenizedDocument } from "../../src/data/corpus.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("batches");

/** Documents of these lengths; token i of document d is 1000 (d + 1) + i, so that every token tells where it is from. */
function documentsOf(lengths: readonly number[]): TokenizedDocument[] {
  return lengths.map((length, d) => {
    const tokens = Int32Array.from({ length }, (_, i) => 1000 * (d + 1) + i);
    return { name: `document ${d}`, tokens: () => tokens };
  });
}

test("a small example, written out", () => {
  const documents = documentsOf([5, 1, 3, 2]);
  const batches = [...evaluationBatches(documents, { rows: 2, segmentLength: 2 })];
  assert.equal(
    batches.map(({ tokens, starts, lengths, documents, offsets }) => ({
      tokens: [...tokens],
      starts: [...starts],
      lengths: [...lengths],
      documents: [...documents],
      offsets: [...offsets],
    })),
    [
      {
        tokens: [1000, 1001, 1002, 3000, 3001, 3002],
        starts: [1, 1],
        lengths: [2, 2],
        documents: [0, 2],
        offsets: [0, 0],
      },
      {
        tokens: [1002, 1003, 1004, 4000, 4001, 0],
        starts: [0, 1],
        lengths: [2, 1],
        documents: [0, 3],
        offsets: [2, 0],
      },
    ],
  );
});

interface Segment {
  document: number;
  offset: number;
  length: number;
  start: boolean;
}

/** The segments of a batch, row by row. Asserts that its tokens are the document's and that the rest is padding. */
function segmentsOf(batch: Batch, documents: readonly TokenizedDocument[], T: number): Segment[] {
  return Array.from(batch.documents, (document, row) => {
    const [offset, length] = [batch.offsets[row], batch.lengths[row]];
    const tokens = batch.tokens.subarray(row * (T + 1), (row + 1) * (T + 1));
    const expected = new Int32Array(T + 1);
    if (document >= 0) expected.set(documents[document].tokens().subarray(offset, offset + length + 1));
    assert.equal(tokens, expected);
    return { document, offset, length, start: batch.starts[row] === 1 };
  });
}

/** How often each token of each document is predicted in these segments. */
function predictions(segments: readonly Segment[], documents: readonly TokenizedDocument[]): number[][] {
  const counts = documents.map((document) => new Array<number>(document.tokens().length).fill(0));
  for (const { document, offset, length } of segments) {
    for (let i = 1; i <= length; i++) counts[document][offset + i]++;
  }
  return counts;
}

/** Each token once, but never a document's first; at most `most` a document. */
function onceEach(documents: readonly TokenizedDocument[], times = 1, most = Infinity): number[][] {
  return documents.map((document) => Array.from(document.tokens(), (_, i) => (i > 0 && i <= most ? times : 0)));
}

/** Lengths at and around every border, and random ones. */
function lengthsAround(T: number, random: Random): number[] {
  const edges = [0, 1, 2, T - 1, T, T + 1, T + 2, 2 * T, 2 * T + 1, 2 * T + 2].filter((length) => length >= 0);
  const others = Array.from({ length: 10 }, () => Math.floor(random.next() * 5 * T));
  return [...edges, ...others].sort(() => random.next() - 0.5);
}

/** Asserts that each row reads its documents from their first segment to their last without leaving them between. */
function assertRowsStay(batches: Segment[][], documents: readonly TokenizedDocument[]): void {
  for (let row = 0; row < batches[0].length; row++) {
    let before: Segment | undefined;
    for (const segments of batches) {
      const segment = segments[row];
      if (segment.document < 0) {
        assert.equal(segment, { document: -1, offset: 0, length: 0, start: true });
        continue;
      }
      const ended =
        before === undefined || before.offset + before.length === documents[before.document].tokens().length - 1;
      const expected = ended ? 0 : before!.offset + before!.length;
      assert.is(segment.offset, expected);
      assert.is(segment.start, expected === 0);
      if (!ended) assert.is(segment.document, before!.document);
      before = segment;
    }
  }
}

for (const rows of [1, 2, 3, 7, 40]) {
  for (const T of [1, 2, 5, 16]) {
    test(`with ${rows} rows and segments of ${T}, evaluation predicts every token after a document's first once`, () => {
      const documents = documentsOf(lengthsAround(T, new Random(rows * 100 + T)));
      const batches = [...evaluationBatches(documents, { rows, segmentLength: T })].map((batch) =>
        segmentsOf(batch, documents, T),
      );
      assert.equal(predictions(batches.flat(), documents), onceEach(documents));
      assertRowsStay(batches, documents);
      const begun = batches.flat().filter(({ start, document }) => start && document >= 0);
      const order = begun.map(({ document }) => document);
      assert.equal(
        order,
        [...order].sort((a, b) => a - b),
        "documents are begun in their order",
      );
    });

    test(`with ${rows} rows and segments of ${T}, training reads each document once an epoch`, () => {
      const documents = documentsOf(lengthsAround(T, new Random(rows * 100 + T)));
      const long = documents.filter((document) => document.tokens().length > 1).length;
      const training = new TrainingBatches(documents, { rows, segmentLength: T, seed: 5 });
      const batches: Segment[][] = [];
      const begun: number[] = [];
      while (begun.length < 4 * long) {
        const segments = segmentsOf(training.next(), documents, T);
        batches.push(segments);
        begun.push(...segments.filter(({ start }) => start).map(({ document }) => document));
        assert.ok(
          segments.every(({ length }) => length > 0),
          "no row is ever empty",
        );
      }
      assertRowsStay(batches, documents);
      const epochs = [0, 1, 2, 3].map((epoch) => begun.slice(epoch * long, (epoch + 1) * long));
      for (const epoch of epochs) assert.is(new Set(epoch).size, long);
      if (long > 5) assert.not.equal(epochs[0], epochs[1], "the order changes");
    });
  }
}

test("a row alone predicts exactly the tokens of whole epochs", () => {
  const documents = documentsOf([7, 0, 4, 1, 2, 12]);
  const training = new TrainingBatches(documents, { rows: 1, segmentLength: 3, seed: 1 });
  const steps = 2 + 1 + 1 + 4;
  const segments = Array.from({ length: 3 * steps }, () => segmentsOf(training.next(), documents, 3)[0]);
  assert.equal(predictions(segments, documents), onceEach(documents, 3));
});

test("evaluation can end after a given number of predicted tokens of each document", () => {
  const documents = documentsOf([0, 1, 2, 5, 6, 7, 8, 30]);
  for (const maxTokens of [1, 2, 5, 6, 7, 100]) {
    const batches = [...evaluationBatches(documents, { rows: 3, segmentLength: 3, maxTokens })];
    const segments = batches.flatMap((batch) => segmentsOf(batch, documents, 3));
    assert.equal(predictions(segments, documents), onceEach(documents, 1, maxTokens));
  }
});

test("evaluation reads no document before a row needs it", () => {
  let read = 0;
  const documents = documentsOf([3, 3, 3, 3]).map(({ name, tokens }) => ({
    name,
    tokens: () => {
      read++;
      return tokens();
    },
  }));
  evaluationBatches(documents, { rows: 1, segmentLength: 2 }).next();
  const first = read;
  assert.ok(first > 0);
  assert.ok(first < 4);
});

test("fewer documents than rows: several rows read the same one", () => {
  const documents = documentsOf([9]);
  const training = new TrainingBatches(documents, { rows: 3, segmentLength: 4, seed: 1 });
  for (let step = 0; step < 4; step++) {
    const segments = segmentsOf(training.next(), documents, 4);
    assert.equal(
      segments.map(({ offset }) => offset),
      new Array(3).fill(4 * (step % 2)),
    );
  }
});

test("the seed alone decides the order of documents", () => {
  const documents = documentsOf(new Array(30).fill(3));
  const order = (seed: number) => {
    const training = new TrainingBatches(documents, { rows: 1, segmentLength: 2, seed });
    return Array.from({ length: 60 }, () => training.next().documents[0]);
  };
  assert.equal(order(1), order(1));
  assert.not.equal(order(1), order(2));
});

test("every order of documents is as likely as any other", () => {
  const training = new TrainingBatches(documentsOf([2, 2, 2]), { rows: 1, segmentLength: 1, seed: 8 });
  const counts = new Map<string, number>();
  for (let epoch = 0; epoch < 1200; epoch++) {
    const order = [0, 1, 2].map(() => training.next().documents[0]).join();
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assert.is(counts.size, 6);
  // 200 expected each, standard deviation 13.
  for (const [order, count] of counts) assert.ok(Math.abs(count - 200) < 60, `${order}: ${count} times`);
});

test("training resumed from a saved state reads bit-identical batches, wherever it was interrupted", () => {
  const lengths = [7, 0, 4, 1, 2, 12, 3];
  const documents = documentsOf(lengths);
  const options = { rows: 3, segmentLength: 3, seed: 11 };
  const whole = new TrainingBatches(documents, options);
  const batches = Array.from({ length: 40 }, () => whole.next());
  for (let interrupted = 0; interrupted < 30; interrupted++) {
    const first = new TrainingBatches(documents, options);
    for (let step = 0; step < interrupted; step++) first.next();
    const saved = JSON.stringify(first.state());
    first.next();
    const second = new TrainingBatches(documents, { ...options, seed: 99 });
    second.restore(JSON.parse(saved));
    assert.is(JSON.stringify(second.state()), saved);
    for (const expected of batches.slice(interrupted)) assert.equal(second.next(), expected);
  }
});

test("a saved state is not changed by what is read after it", () => {
  const training = new TrainingBatches(documentsOf([9, 9]), { rows: 2, segmentLength: 2, seed: 1 });
  training.next();
  const state = training.state();
  const copy = JSON.stringify(state);
  for (let step = 0; step < 5; step++) training.next();
  training.restore(state);
  training.next();
  assert.is(JSON.stringify(state), copy);
});

test("a state of other documents or other rows is refused", () => {
  const options = { rows: 2, segmentLength: 2, seed: 1 };
  const training = new TrainingBatches(documentsOf([9, 9]), options);
  training.next();
  training.next();
  const state = training.state();
  const resume = (lengths: number[], rows: number) => () =>
    new TrainingBatches(documentsOf(lengths), { ...options, rows }).restore(state);
  assert.match(refusal(resume([9, 9, 9], 2)), /has 3 documents, the run to resume had 2/);
  assert.match(refusal(resume([9, 9], 3)), /has 3 rows, in the run to resume it had 2/);
  assert.match(refusal(resume([5, 5], 2)), /document \d is shorter than it was/);
  resume([6, 6], 2)();
});

test("documents that have nothing to predict are refused, not read for ever", () => {
  for (const lengths of [[], [0], [1, 1, 0]]) {
    const documents = documentsOf(lengths);
    const options = { rows: 2, segmentLength: 3 };
    const sentence = `none of the ${lengths.length} documents has two tokens or more, so there is nothing to predict`;
    assert.is(
      refusal(() => evaluationBatches(documents, options).next()),
      sentence,
    );
    assert.is(
      refusal(() => new TrainingBatches(documents, { ...options, seed: 1 }).next()),
      sentence,
    );
  }
});

test("one long document among many of nothing is found in every epoch", () => {
  const documents = documentsOf([0, 1, 0, 4, 1, 0]);
  const training = new TrainingBatches(documents, { rows: 2, segmentLength: 3, seed: 3 });
  for (let step = 0; step < 50; step++) assert.equal([...training.next().documents], [3, 3]);
});
