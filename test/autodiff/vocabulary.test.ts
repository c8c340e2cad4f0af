/** The embedding against plain indexing, with ids that repeat; cross entropy against its definition, with masked targets. */
import * as assert from "uvu/assert";
import { crossEntropy, embedding, MASKED } from "../../src/autodiff/ops/vocabulary.ts";
import { backward, step } from "../../src/autodiff/tape.ts";
import { parameter, tensor } from "../../src/autodiff/tensor.ts";
import { InputError } from "../../src/base/errors.ts";
import { Random } from "../../src/base/random.ts";
import { assertClose, checkOp } from "../gradcheck.ts";
import { suite } from "../harness.ts";

const test = suite("vocabulary");

test("a small example, written out: ids 2 and 0 pick the last and the first row", () => {
  const table = parameter([3, 2], [0, 1, 10, 11, 20, 21]);
  step(() => {
    const y = embedding(table, Int32Array.of(2, 0), [2]);
    assert.equal([...y.toArray()], [20, 21, 0, 1]);
    backward(y, [5, 6, 7, 8]);
  });
  assert.equal([...table.grad!.toArray()], [7, 8, 0, 0, 5, 6]);
});

const ids = Int32Array.of(2, 0, 2, 4, 2, 1);

for (const width of [1, 2, 3, 4, 5, 8, 9, 17]) {
  test(`gathers rows of ${width} and scatters their gradients back`, () => {
    checkOp({
      shapes: [[5, width]],
      op: (table) => embedding(table, ids, [2, 3]),
      oracle: (table) => {
        const rows = Array.from(ids, (id) => [...table.subarray(id * width, (id + 1) * width)]);
        return Float64Array.from(rows.flat());
      },
    });
  });
}

test("the result's shape begins with that of the ids, which are read when the op runs, not later", () => {
  const table = parameter([3, 2], [0, 1, 10, 11, 20, 21]);
  const changing = Int32Array.of(1, 2);
  step(() => {
    const y = embedding(table, changing, [1, 2]);
    assert.equal([...y.shape], [1, 2, 2]);
    changing.fill(0);
    backward(y, [1, 1, 1, 1]);
  });
  assert.equal(Array.from(table.grad!.toArray()), [0, 0, 1, 1, 1, 1]);
});

test("no ids give an empty tensor", () => {
  step(() => assert.equal([...embedding(parameter([3, 2]), new Int32Array(0), [0]).shape], [0, 2]));
});

test("an id outside the table is refused by name, and ids must fill the shape", () => {
  const table = parameter([5, 2]);
  const refusal = (id: number) => (error: unknown) =>
    error instanceof InputError && error.message === `token id ${id} is not in the vocabulary of 5 tokens (0 to 4)`;
  step(() => {
    assert.throws(() => embedding(table, Int32Array.of(0, 5, 1), [3]), refusal(5));
    assert.throws(() => embedding(table, Int32Array.of(-1), [1]), refusal(-1));
    assert.throws(() => embedding(table, Int32Array.of(1, 2, 3), [2, 2]), /3 ids do not fill the shape \[2,2\]/);
  });
});

test("cross entropy, written out: probabilities of ½ and ¾ cost ln 2 and ln 4/3; a masked token costs nothing", () => {
  step(() => {
    const logits = tensor([0, 0, 0, Math.log(3), 5, 7], [3, 2]);
    const { loss, nats, count } = crossEntropy(logits, Int32Array.of(0, 1, MASKED));
    assertClose(nats.toArray(), [Math.log(2), Math.log(4 / 3), 0], 1e-6, "nats");
    assert.is(count, 2);
    assertClose(loss.toArray(), [Math.log(8 / 3) / 2], 1e-6, "loss");
  });
});

/** ln Σ e^logits − logits[target] of each row; 0 where masked. */
function natsOracle(logits: Float64Array, targets: Int32Array): number[] {
  const width = logits.length / targets.length;
  return Array.from(targets, (target, i) => {
    const row = logits.subarray(i * width, (i + 1) * width);
    return target < 0 ? 0 : Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0)) - row[target];
  });
}

function meanOracle(targets: Int32Array): (logits: Float64Array) => Float64Array {
  const count = targets.filter((target) => target >= 0).length;
  return (logits) => Float64Array.of(natsOracle(logits, targets).reduce((sum, nats) => sum + nats, 0) / count);
}

for (const [width, ...targets] of [
  [1, 0],
  [2, 1, 0, 1],
  [3, -1, 2],
  [4, 3, -1, -1, 0],
  [5, 4],
  [7, 6, 0, -1, 3, 3],
  [17, 16, 12, 3],
  [33, 32, -1, 0],
]) {
  test(`the cross entropy of ${targets.length} rows of ${width} matches its definition and its gradients`, () => {
    const wanted = Int32Array.from(targets);
    checkOp({
      shapes: [[targets.length, width]],
      op: (logits) => crossEntropy(logits, wanted).loss,
      oracle: meanOracle(wanted),
    });
  });
}

test("returns the nats of each token, 0 where masked, and the number of unmasked tokens", () => {
  const random = new Random(5);
  const logits = Float32Array.from({ length: 5 * 9 }, () => 4 * random.normal());
  const targets = Int32Array.of(8, -1, 0, 4, -1);
  const { nats, count } = step(() => {
    const { nats, count } = crossEntropy(tensor(logits, [5, 9]), targets);
    return { nats: nats.toArray(), count };
  });
  assert.is(count, 3);
  assertClose(nats, natsOracle(Float64Array.from(logits), targets), 1e-6, "nats");
  assert.is(nats[1], 0);
});

test("when every target is masked the loss is 0 and no gradient flows", () => {
  const logits = parameter([2, 3], [1, 2, 3, 4, 5, 6]);
  const loss = step(() => {
    const { loss, count } = crossEntropy(logits, Int32Array.of(-1, -1));
    assert.is(count, 0);
    backward(loss);
    return loss.item();
  });
  assert.is(loss, 0);
  assert.equal(Array.from(logits.grad!.toArray()), [0, 0, 0, 0, 0, 0]);
});

test("huge logits neither overflow nor lose a certain prediction", () => {
  const nats = step(() => crossEntropy(tensor([3e4, 0, -3e4, 0, 3e4, 0], [2, 3]), Int32Array.of(0, 0)).nats.toArray());
  assert.equal(Array.from(nats), [0, 3e4]);
});

test("the mean over a hundred thousand tokens keeps seven digits", () => {
  const rows = 100_000;
  const logits = Float32Array.from({ length: rows * 2 }, (_, i) => (i % 2 === 0 ? 0 : 1 + (i % 7) * 0.1));
  const targets = new Int32Array(rows);
  const [expected] = meanOracle(targets)(Float64Array.from(logits));
  const actual = step(() => crossEntropy(tensor(logits, [rows, 2]), targets).loss.item());
  assert.ok(Math.abs(actual / expected - 1) < 3e-7, `${actual} instead of ${expected}`);
});

test("a target outside the vocabulary is refused by name, and so is a wrong number of targets", () => {
  const refusal = (id: number) => (error: unknown) =>
    error instanceof InputError &&
    error.message === `target token id ${id} is not in the vocabulary of 3 tokens (0 to 2)`;
  step(() => {
    const logits = tensor([1, 2, 3, 4, 5, 6], [2, 3]);
    assert.throws(() => crossEntropy(logits, Int32Array.of(0, 3)), refusal(3));
    assert.throws(() => crossEntropy(logits, Int32Array.of(-2, 0)), refusal(-2));
    assert.throws(() => crossEntropy(logits, Int32Array.of(0)), /1 targets for logits \[2,3\]/);
  });
});
