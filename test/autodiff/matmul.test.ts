/** Matrix products of odd sizes against three nested loops. */
import * as assert from "uvu/assert";
import { scale } from "../../src/autodiff/ops/elementwise.ts";
import { linear, matmul } from "../../src/autodiff/ops/matmul.ts";
import { backward, step } from "../../src/autodiff/tape.ts";
import { parameter, persistentTensor, stepTensor, stepZeros, type Tensor, tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { build } from "../../src/wasm/build.ts";
import { kernels } from "../../src/wasm/runtime.ts";
import { assertClose, checkOp } from "../gradcheck.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("matmul ops");

test("a small example, written out", () => {
  step(() => {
    const product = matmul(tensor([1, 2, 3, 4], [2, 2]), tensor([5, 6, 7, 8], [2, 2]));
    assert.equal([...product.toArray()], [19, 22, 43, 50]);
    const weight = tensor([1, 0, 0, 1, 1, 1], [3, 2]); // its rows pick x₀, x₁ and x₀ + x₁
    assert.equal([...linear(tensor([1, 2], [1, 2]), weight).toArray()], [1, 2, 3]);
  });
});

/** c[i, j] = Σ_p a[i, p] b[p, j] for each of `batches` pairs. */
function matmulOracle(batches: number, m: number, k: number, n: number) {
  return (a: Float64Array, b: Float64Array): Float64Array =>
    Float64Array.from({ length: batches * m * n }, (_, at) => {
      const [batch, i, j] = [Math.floor(at / (m * n)), Math.floor(at / n) % m, at % n];
      let sum = 0;
      for (let p = 0; p < k; p++) sum += a[(batch * m + i) * k + p] * b[(batch * k + p) * n + j];
      return sum;
    });
}

/** y[i, o] = Σ_p x[i, p] w[o, p]. */
function linearOracle(rows: number, inputs: number, outputs: number) {
  return (x: Float64Array, w: Float64Array): Float64Array =>
    Float64Array.from({ length: rows * outputs }, (_, at) => {
      const [i, o] = [Math.floor(at / outputs), at % outputs];
      let sum = 0;
      for (let p = 0; p < inputs; p++) sum += x[i * inputs + p] * w[o * inputs + p];
      return sum;
    });
}

const sizes = [
  [1, 1, 1],
  [1, 3, 5],
  [3, 1, 2],
  [4, 8, 8],
  [5, 7, 9],
  [3, 4, 7],
  [8, 5, 17],
  [13, 2, 11],
  [1, 9, 6],
  [6, 4, 12],
  [10, 7, 13],
  [12, 3, 7],
  [9, 7, 70],
];

for (const [m, k, n] of sizes) {
  test(`matmul of two pairs [${m}, ${k}] · [${k}, ${n}]`, () => {
    checkOp({
      shapes: [
        [2, m, k],
        [2, k, n],
      ],
      op: matmul,
      oracle: matmulOracle(2, m, k, n),
    });
  });
  test(`linear of ${m} rows, ${k} → ${n}`, () => {
    checkOp({
      shapes: [
        [m, k],
        [n, k],
      ],
      op: linear,
      oracle: linearOracle(m, k, n),
    });
  });
}

test("a product larger than a block in every direction", () => {
  const [m, k, n] = [131, 515, 1030];
  const random = new Random(4);
  const normals = (length: number) => Float32Array.from({ length }, () => random.normal());
  const [a, b] = [normals(m * k), normals(k * n)];
  const actual = step(() => matmul(tensor(a, [m, k]), tensor(b, [k, n])).toArray());
  assertClose(actual, matmulOracle(1, m, k, n)(Float64Array.from(a), Float64Array.from(b)), 2e-5, "product");
});

test("the gradients of a linear layer larger than a block in every direction", () => {
  const [rows, inputs, outputs] = [515, 131, 1030];
  const random = new Random(5);
  const normals = (length: number) => Float32Array.from({ length }, () => random.normal());
  const x = parameter([rows, inputs], normals(rows * inputs));
  const weight = parameter([outputs, inputs], normals(outputs * inputs));
  const dy = normals(rows * outputs);
  step(() => backward(linear(x, weight), dy));
  const dx = matmulOracle(1, rows, outputs, inputs)(Float64Array.from(dy), Float64Array.from(weight.toArray()));
  const dyT = Float64Array.from(
    { length: rows * outputs },
    (_, at) => dy[(at % rows) * outputs + Math.floor(at / rows)],
  );
  const dWeight = matmulOracle(1, outputs, rows, inputs)(dyT, Float64Array.from(x.toArray()));
  assertClose(x.grad!.toArray(), dx, 2e-5, "dx");
  assertClose(weight.grad!.toArray(), dWeight, 2e-5, "dW");
});

test("a gradient that is made without zeroing is written completely, even by a product of a tensor with itself", () => {
  step(() => void stepTensor([4000]).fill(Number.NaN)); // the next step finds this in its arena
  const oracle = (x: Float64Array) => matmulOracle(2, 3, 3, 3)(x, x);
  const squared = (x: Tensor) => {
    const y = scale(x, 1);
    return matmul(y, y);
  };
  checkOp({ shapes: [[2, 3, 3]], op: squared, oracle });
  step(() => void stepTensor([4000]).fill(Number.NaN));
  const op = (x: Tensor, weight: Tensor) => linear(scale(x, 1), scale(weight, 1));
  checkOp({
    shapes: [
      [5, 3],
      [7, 3],
    ],
    op,
    oracle: linearOracle(5, 3, 7),
  });
});

test("nothing is written past the end of a product", () => {
  step(() => void stepTensor([400]).fill(7)); // the next step finds this in its arena
  step(() => {
    matmul(stepZeros([3, 4, 4]), stepZeros([3, 4, 4]));
    assert.equal(stepTensor([64]).toArray(), new Float32Array(64).fill(7));
  });
});

const misfits: [number[], number[]][] = [
  [
    [2, 3],
    [4, 5],
  ],
  [[3], [3, 5]],
  [
    [2, 4, 3],
    [1, 3, 5],
  ],
];
for (const [left, right] of misfits) {
  test(`matmul refuses [${left}] · [${right}], naming both`, () => {
    const multiplied = () => step(() => matmul(stepZeros(left), stepZeros(right)));
    const message = `matmul: [${left}] · [${right}] do not fit; wanted [..., m, k] · [..., k, n]`;
    assert.throws(multiplied, (error: Error) => error.message === message);
  });
}

test("linear refuses a weight of another width, naming both shapes", () => {
  const message = "linear: x [2,3] does not fit a weight [5,4]; its last axis must be 4";
  const multiplied = () => step(() => linear(stepZeros([2, 3]), stepZeros([5, 4])));
  assert.throws(multiplied, (error: Error) => error.message === message);
});

test("a product over no components is zero", () => {
  step(() => void stepTensor([100]).fill(Number.NaN)); // the next step finds this in its arena
  step(() => assert.equal(linear(stepZeros([2, 0]), stepZeros([3, 0])).toArray(), new Float32Array(6)));
});

test("units are panels of eight columns, or panels of rows if there are more rows than columns", () => {
  const sizes = [
    [1, 1],
    [3, 17],
    [5, 3],
    [16, 16],
    [17, 16],
  ];
  assert.equal(
    sizes.map(([m, n]) => kernels.matmul_units(m, n)),
    build === "relaxed" ? [1, 3, 1, 2, 3] : [1, 3, 2, 2, 5], // of six or of four rows
  );
});

for (const [rows, outputs, inputs] of [
  [0, 3, 2],
  [1, 1, 1],
  [1, 5, 3],
  [2, 4, 7],
  [7, 9, 2],
  [13, 17, 5],
]) {
  test(`a bias of ${outputs} is added to each of ${rows} rows, and its gradient is their sum`, () => {
    checkOp({
      shapes: [[rows, inputs], [outputs, inputs], [outputs]],
      op: (x, weight, bias) => linear(x, weight, bias),
      oracle: (x, weight, bias) =>
        Float64Array.from({ length: rows * outputs }, (_, at) => {
          const [row, output] = [Math.floor(at / outputs), at % outputs];
          let sum = bias[output];
          for (let i = 0; i < inputs; i++) sum += x[row * inputs + i] * weight[output * inputs + i];
          return sum;
        }),
    });
  });
}

test("a bias of another size is refused", () => {
  step(() => {
    const weight = tensor([1, 2, 3, 4], [2, 2]);
    assert.throws(() => linear(tensor([1, 2]), weight, tensor([1])), /weight \[2,2\] needs a bias \[2\], not \[1\]/);
  });
});

test("a constant gets no gradient, and a gradient of another size is refused", () => {
  const [x, constant] = [parameter([1, 3]), persistentTensor([3, 1])];
  for (let times = 0; times < 2; times++) step(() => backward(matmul(x, constant)));
  assert.is(constant.grad, undefined);
  const wrong = parameter([3, 1]);
  wrong.grad = parameter([1]);
  assert.match(
    refusal(() => step(() => backward(matmul(x, wrong)))),
    "a tensor of shape [3,1] cannot have a gradient of shape [1]",
  );
});
