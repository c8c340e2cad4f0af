/** Packed matrices: products have the bits of plain loops, or of the float product with widened weights. */
import * as assert from "uvu/assert";
import { linear } from "../../src/autodiff/ops/matmul.ts";
import { noGrad, step } from "../../src/autodiff/tape.ts";
import { parameter, stepTensor, stepZeros, tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { useThreads } from "../../src/wasm/parallel.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { sourceOfFloats } from "../../src/weights/matrix-source.ts";
import { PACKED_DTYPES, type PackedDtype, PackedMatrix } from "../../src/weights/packed-matrix.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { productOracle } from "./block-oracle.ts";

const test = suite("packed matrices");

function normals(length: number, seed: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length }, () => random.normal());
}

function packed(values: Float32Array, shape: [number, number], dtype: PackedDtype): PackedMatrix {
  return new PackedMatrix(sourceOfFloats("w", values, shape), dtype);
}

function bitsOf(floats: Float32Array): Uint32Array {
  return new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
}

/** x [n, in] times the matrix. */
function product(matrix: PackedMatrix, x: Float32Array, n: number, bias?: Float32Array): Float32Array {
  const inputs = matrix.shape[1];
  return step(() => matrix.multiply(tensor(x, [n, inputs]), bias && tensor(bias)).toArray());
}

function allRows(matrix: PackedMatrix): Float32Array {
  return step(() => matrix.rows(Int32Array.from({ length: matrix.shape[0] }, (_, i) => i)).toArray());
}

test("a small example, written out: weights and x that are rounded exactly", () => {
  const weights = Float32Array.of(127, 0, -1, 15, 0, 3); // scales of 1, or 15 / 127; 4 bits from −1 in steps of 128 / 15
  using matrix = packed(weights, [2, 3], "int8");
  const x = Float32Array.of(127, 1, 2);
  assert.equal([...product(matrix, x, 1).map((y) => Math.round(y))], [127 * 127 - 2, 15 * 127 + 6]);
  using fine = packed(Float32Array.of(0, 15, 3, 7), [2, 2], "int4"); // steps of 1 from 0, and of 4 / 15 from 3
  assert.equal([...product(fine, Float32Array.of(1, 127), 1).map((y) => Math.round(y))], [15 * 127, 3 + 7 * 127]);
  using exact = packed(Float32Array.of(1.5, -2), [1, 2], "bf16");
  assert.equal([...product(exact, Float32Array.of(2, 0.25), 1)], [2.5]);
});

const shapes: [inputs: number, outputs: number][] = [
  [1, 1],
  [32, 15],
  [33, 16],
  [172, 17],
  [576, 20],
];
const counts = [0, 1, 2, 3, 4, 5, 7, 8, 9];

for (const [inputs, outputs] of shapes) {
  const weights = normals(inputs * outputs, 1);
  const bias = normals(outputs, 2);
  for (const dtype of ["int8", "int4"] as const) {
    test(`${dtype} [${outputs}, ${inputs}]: every product has the bits of plain loops`, () => {
      using matrix = packed(weights, [outputs, inputs], dtype);
      for (const n of counts) {
        const x = normals(n * inputs, 3 + n).map((number, i) => (i % 97 === 0 ? 20 * number : number)); // a few are large
        const expected = productOracle(x, weights, [n, inputs, outputs], dtype === "int4");
        assert.equal(bitsOf(product(matrix, x, n)), bitsOf(expected), `${n} rows`);
        const biased = expected.map((y, at) => y + bias[at % outputs]);
        assert.equal(bitsOf(product(matrix, x, n, bias)), bitsOf(biased), `${n} rows and a bias`);
      }
    });
  }
  for (const dtype of ["bf16", "f16"] as const) {
    test(`${dtype} [${outputs}, ${inputs}]: products have the bits of linear() with widened weights`, () => {
      using matrix = packed(weights, [outputs, inputs], dtype);
      const widened = allRows(matrix);
      for (const n of [...counts, 16, 150]) {
        const x = normals(n * inputs, 3 + n);
        const wide = (rows: Float32Array, count: number) =>
          step(() => linear(tensor(rows, [count, inputs]), tensor(widened, [outputs, inputs])).toArray());
        // Few rows are multiplied one by one, whatever linear() does with them.
        const one = (i: number) => wide(x.subarray(i * inputs, (i + 1) * inputs), 1);
        const expected =
          n > 8 ? wide(x, n) : Float32Array.from(Array.from({ length: n }, (_, i) => [...one(i)]).flat());
        assert.equal(bitsOf(product(matrix, x, n)), bitsOf(expected), `${n} rows`);
        const biased = expected.map((y, at) => y + bias[at % outputs]);
        assert.equal(bitsOf(product(matrix, x, n, bias)), bitsOf(biased), `${n} rows and a bias`);
      }
    });
  }
}

test("half floats have the bits of linear() beyond every block of the product", () => {
  const [n, inputs, outputs] = [133, 1030, 523];
  using matrix = packed(normals(inputs * outputs, 1), [outputs, inputs], "f16");
  const [x, widened] = [normals(n * inputs, 2), allRows(matrix)];
  const expected = step(() => linear(tensor(x, [n, inputs]), tensor(widened, [outputs, inputs])).toArray());
  assert.equal(bitsOf(product(matrix, x, n)), bitsOf(expected));
});

test("a row of a product with whole numbers does not depend on the other rows", () => {
  for (const dtype of ["int8", "int4"] as const) {
    using matrix = packed(normals(100 * 21, 1), [21, 100], dtype);
    const x = normals(37 * 100, 2);
    const together = product(matrix, x, 37);
    const alone = Array.from({ length: 37 }, (_, i) => [...product(matrix, x.slice(i * 100, i * 100 + 100), 1)]);
    assert.equal([...together], alone.flat());
  }
});

test("whole numbers are close to the floats, the closer the more bits", () => {
  const [n, inputs, outputs] = [5, 256, 64];
  const [weights, x] = [normals(inputs * outputs, 1), normals(n * inputs, 2)];
  const exact = step(() => linear(tensor(x, [n, inputs]), tensor(weights, [outputs, inputs])).toArray());
  const errors = PACKED_DTYPES.map((dtype) => {
    using matrix = packed(weights, [outputs, inputs], dtype);
    const y = product(matrix, x, n);
    return Math.sqrt(y.reduce((sum, number, i) => sum + (number - exact[i]) ** 2, 0) / y.length / inputs);
  });
  const limits = [2e-3, 3e-4, 1.5e-2, 1.2e-1];
  errors.forEach((error, i) => {
    assert.ok(error > 0 && error < limits[i], `${PACKED_DTYPES[i]}: ${error}`);
  });
});

test("matrices that are multiplied together have the bits of one after the other, on any number of threads", async () => {
  const [inputs, outputs] = [100, [1, 16, 35]];
  for (const dtype of PACKED_DTYPES) {
    const matrices = outputs.map((rows, i) => packed(normals(rows * inputs, i), [rows, inputs], dtype));
    const biases = outputs.map((rows, i) => (i === 1 ? undefined : normals(rows, 10 + i)));
    for (const threads of [1, 2, 3]) {
      await useThreads(threads);
      for (const n of [0, 1, 2, 9, 40]) {
        const x = normals(n * inputs, 20 + n);
        const together = step(() => {
          const given = biases.map((bias) => bias && tensor(bias));
          return PackedMatrix.multiplyAll(matrices, tensor(x, [n, inputs]), given).map((y) => bitsOf(y.toArray()));
        });
        const alone = matrices.map((matrix, i) => bitsOf(product(matrix, x, n, biases[i])));
        assert.equal(together, alone, `${dtype}, ${threads} threads, ${n} rows`);
      }
    }
    for (const matrix of matrices) matrix.release();
  }
  await useThreads(1);
});

test("matrices that are not alike are not multiplied together", () => {
  using a = packed(normals(6, 1), [3, 2], "int8");
  using b = packed(normals(6, 1), [2, 3], "int8");
  using c = packed(normals(6, 1), [3, 2], "bf16");
  const together = (other: PackedMatrix) => () =>
    step(() => PackedMatrix.multiplyAll([a, other], stepZeros([1, 2]), [undefined, undefined]));
  assert.match(refusal(together(b)), "int8 [3,2] and int8 [2,3] cannot be multiplied together");
  assert.match(refusal(together(c)), "int8 [3,2] and bf16 [3,2] cannot be multiplied together");
});

test("leading axes of x are kept", () => {
  using matrix = packed(normals(6, 1), [3, 2], "int8");
  step(() => {
    assert.equal(matrix.multiply(stepZeros([2, 5, 2])).shape, [2, 5, 3]);
    assert.equal(matrix.multiply(stepZeros([2])).shape, [3]);
    assert.equal(matrix.multiply(stepZeros([0, 2])).shape, [0, 3]);
  });
});

test("rows are looked up in any order, and again", () => {
  for (const dtype of PACKED_DTYPES) {
    using matrix = packed(normals(19 * 45, 1), [19, 45], dtype);
    const all = allRows(matrix);
    const ids = [18, 0, 7, 7, 16];
    const expected = ids.flatMap((id) => [...all.subarray(id * 45, id * 45 + 45)]);
    assert.equal([...step(() => matrix.rows(Int32Array.from(ids)).toArray())], expected);
    assert.is(
      step(() => matrix.rows(new Int32Array()).size),
      0,
    );
  }
});

test("numbers in x that are not finite make results that are not finite, in their row only", () => {
  for (const dtype of PACKED_DTYPES) {
    using matrix = packed(normals(40 * 3, 1).map(Math.abs), [3, 40], dtype);
    for (const bad of [Number.NaN, Infinity, -Infinity]) {
      const x = normals(80, 2);
      x[40 + 35] = bad;
      const y = product(matrix, x, 2);
      assert.equal(Array.from(y, Number.isFinite), [true, true, true, false, false, false], `${dtype} ${bad}`);
      assert.not(product(matrix, x.slice(40), 1).some(Number.isFinite));
    }
  }
});

test("rows of zeros, of tiny numbers and of the largest", () => {
  using matrix = packed(new Float32Array(32).fill(1), [1, 32], "int8");
  const sums = [0, 1e-45, 1e-38, 1e30].map((x) => product(matrix, new Float32Array(32).fill(x), 1)[0]);
  assert.is(sums[0], 0);
  assert.is(sums[1], 0);
  assert.ok(sums[2] === 0 || Math.abs(sums[2] / 32e-38 - 1) < 1e-2);
  assert.ok(Math.abs(sums[3] / 32e30 - 1) < 1e-3);
});

test("nothing is written outside a product, and nothing depends on what lay there", () => {
  step(() => void stepTensor([4000]).fill(Number.NaN)); // the next step finds this in its arena
  for (const dtype of PACKED_DTYPES) {
    using matrix = packed(normals(33 * 17, 1), [17, 33], dtype);
    step(() => {
      const x = stepTensor([3, 33]).fill(0.5);
      const [y, after] = [matrix.multiply(x), stepTensor([8]).fill(7)];
      assert.ok(y.toArray().every(Number.isFinite));
      matrix.multiply(x);
      assert.equal(after.toArray(), new Float32Array(8).fill(7));
    });
  }
});

test("bytes: two a weight, 36 for 32 weights, 20 for 32", () => {
  const bytes = PACKED_DTYPES.map((dtype) => {
    using matrix = packed(new Float32Array(16 * 64), [16, 64], dtype);
    return matrix.bytes / (16 * 64);
  });
  assert.equal(bytes, [2, 2, 36 / 32, 20 / 32]);
});

test("a gradient is refused, inside noGrad() it is not needed", () => {
  using matrix = packed(normals(6, 1), [3, 2], "int8");
  const x = parameter([1, 2], [1, 2]);
  const bias = parameter([3], [1, 2, 3]);
  const message =
    "packed linear: a gradient would have to pass weights kept as int8, which have none; keep them as f32 to train, or use noGrad()";
  assert.is(
    refusal(() => step(() => matrix.multiply(x))),
    message,
  );
  assert.is(
    refusal(() => step(() => matrix.multiply(stepZeros([1, 2]), bias))),
    message,
  );
  assert.is(
    step(() => noGrad(() => matrix.multiply(x, bias).requiresGrad)),
    false,
  );
  x.release();
  bias.release();
});

test("wrong arguments are one sentence", () => {
  using matrix = packed(normals(6, 1), [3, 2], "int4");
  const told = (action: () => unknown) => refusal(() => step(action));
  assert.is(
    told(() => matrix.multiply(stepZeros([2, 3]))),
    "packed linear: x [2,3] does not fit weights [3,2]; its last axis must be 2",
  );
  assert.is(
    told(() => matrix.multiply(stepZeros([1, 2]), stepZeros([2]))),
    "packed linear: a bias [2] does not fit weights [3,2]; it must be [3]",
  );
  assert.is(
    told(() => matrix.rows(Int32Array.of(1, 3))),
    "token id 3 is not in the vocabulary of 3 tokens (0 to 2)",
  );
  assert.match(
    told(() => matrix.rows([1] as never)),
    "ids: got ",
  );
  assert.match(
    told(() => matrix.multiply([1, 2] as never)),
    "x: got ",
  );
  assert.match(
    told(() => packed(new Float32Array(4), [2, 2], "int3" as never)),
    'dtype: got "int3"',
  );
  assert.is(
    told(() => packed(new Float32Array(), [0, 2], "int8")),
    "w has the shape [0,2]; a matrix must have at least one row and one column",
  );
});

test("weights that are not finite or too large are refused, and their memory is given back", () => {
  const before = heap.bytesInUse;
  const bad = (value: number, dtype: PackedDtype) =>
    refusal(() => packed(Float32Array.of(1, 2, value, 4), [2, 2], dtype));
  for (const dtype of PACKED_DTYPES) {
    const expected = `w: rows 0 to 1 have a weight that is not finite, or too large for ${dtype}`;
    for (const value of [Number.NaN, Infinity, -Infinity]) assert.is(bad(value, dtype), expected);
    assert.is(bad(dtype === "bf16" ? -3.4e38 : -1e8, dtype), expected);
  }
  assert.is(heap.bytesInUse, before);
});
