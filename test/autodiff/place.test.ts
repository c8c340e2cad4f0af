/** Tensors that are written part by part, while later parts read the earlier ones. */
import { add } from "../../src/autodiff/ops/elementwise.ts";
import { matmul } from "../../src/autodiff/ops/matmul.ts";
import { place } from "../../src/autodiff/ops/place.ts";
import { backward, step } from "../../src/autodiff/tape.ts";
import { parameter, stepZeros, tensor } from "../../src/autodiff/tensor.ts";
import { assertClose, checkOp } from "../gradcheck.ts";
import { suite } from "../harness.ts";

const test = suite("place");

test("a small example, written out: what is read after the second writing depends on both", () => {
  const [x, y] = [parameter([1], [3]), parameter([1], [5])];
  step(() => {
    const all = stepZeros([1, 2, 1]);
    place(all, 0, x);
    const before = matmul(tensor([10, 100], [1, 1, 2]), all); // 30
    place(all, 1, y);
    const after = matmul(tensor([1, 2], [1, 1, 2]), all); // 13
    const sum = add(before, after);
    assertClose(sum.toArray(), [43], 1e-6, "sum");
    backward(sum);
  });
  assertClose(x.grad!.toArray(), [11], 1e-6, "dx");
});

for (const [rows, places, width] of [
  [1, 1, 1],
  [2, 3, 5],
  [3, 2, 4],
] as const) {
  test(`each place has its own tensor and gives its gradient back: [${rows}, ${places}, ${width}]`, () => {
    checkOp({
      shapes: Array.from({ length: places }, () => [rows, 1, width]),
      op: (...parts) => {
        const all = stepZeros([rows, places, width]);
        for (const [n, part] of parts.entries()) place(all, n, part);
        return all;
      },
      oracle: (...parts) =>
        Float64Array.from(
          Array.from({ length: rows }, (_, row) =>
            parts.flatMap((part) => [...part.subarray(row * width, (row + 1) * width)]),
          ).flat(),
        ),
    });
  });
}
