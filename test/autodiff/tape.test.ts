/** Steps, tensors, the arena and the tape: lifetimes, recording, accumulation, and error messages. */
import * as assert from "uvu/assert";
import { add, relu, scale } from "../../src/autodiff/ops/elementwise.ts";
import { linear } from "../../src/autodiff/ops/matmul.ts";
import {
  assertFiniteTape,
  backward,
  NotFiniteError,
  needsGrad,
  noGrad,
  note,
  step,
  tape,
  tapeTable,
} from "../../src/autodiff/tape.ts";
import {
  arena,
  parameter,
  persistentTensor,
  StaleTensorError,
  stepTensor,
  stepZeros,
  type Tensor,
  tensor,
} from "../../src/autodiff/tensor.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { suite } from "../harness.ts";

const test = suite("tape");

test("a small example, written out: y = 3 (x + x) is 12 at x = 2, and its slope is 6", () => {
  const x = parameter([1], [2]);
  step(() => {
    const y = scale(add(x, x), 3);
    assert.is(y.item(), 12);
    assert.equal(
      tape().map(({ op }) => op),
      ["add", "scale"],
    );
    backward(y);
  });
  assert.is(x.grad!.item(), 6);
});

test("a step tensor throws once its step has ended; a persistent one does not", () => {
  const kept = persistentTensor([2]).set([1, 2]);
  const made = step(() => add(kept, kept));
  assert.throws(
    () => made.toArray(),
    (error: unknown) => error instanceof StaleTensorError && /\[2\]/.test(error.message),
  );
  step(() => assert.throws(() => add(kept, made), /after its step had ended/));
  assert.equal(Array.from(kept.toArray()), [1, 2]);
});

test("an op outside a step and a step inside a step are refused", () => {
  const x = persistentTensor([2]);
  assert.throws(() => relu(x), /relu: tensors are made inside step\(\)/);
  step(() => assert.throws(() => step(() => 1), /step\(\) inside step\(\)/));
});

test("a step that throws still empties the tape and the arena", () => {
  const epoch = arena.epoch;
  assert.throws(
    () =>
      step(() => {
        relu(tensor([1]));
        throw new Error("on purpose");
      }),
    /on purpose/,
  );
  assert.is(arena.epoch, epoch + 1);
  assert.is(arena.bytesUsed, 0);
  step(() => assert.is(tape().length, 0));
});

test("a step's tensors do not overlap, and each starts on a cache line", () => {
  step(() => {
    const tensors = [1, 16, 17, 0, 3].map((size) => stepTensor([size]).fill(size));
    for (const { ptr } of tensors) assert.is(ptr % 64, 0);
    for (const each of tensors) assert.ok(each.toArray().every((value) => value === each.size));
  });
});

test("the heap is as large after 100 steps as after the second", () => {
  const x = parameter([50_001]).fill(0.1);
  const run = () =>
    step(() => {
      let y: Tensor = x;
      for (let layer = 0; layer < 8; layer++) y = scale(relu(y), 0.5);
      backward(y, new Float32Array(y.size).fill(1));
    });
  const others = heap.bytesInUse - arena.bytesReserved;
  run();
  run();
  assert.is(heap.bytesInUse - arena.bytesReserved, others);
  const [reserved, inUse, bytes] = [arena.bytesReserved, heap.bytesInUse, heap.memory.buffer.byteLength];
  assert.ok(reserved > 16 * 50_001 * 4);
  for (let i = 0; i < 98; i++) run();
  assert.equal([arena.bytesReserved, heap.bytesInUse, heap.memory.buffer.byteLength], [reserved, inUse, bytes]);
});

test("after a step that took several chunks, one tensor can take the whole arena", () => {
  step(() => stepTensor([1])); // now there is a chunk, of whatever size other tests left
  step(() => {
    stepTensor([arena.bytesReserved / 4]);
    stepTensor([1]);
  });
  const reserved = arena.bytesReserved;
  step(() => stepTensor([reserved / 4]));
  assert.is(arena.bytesReserved, reserved);
});

test("noGrad records no backward, and its results do not require gradients", () => {
  const x = parameter([2], [1, -1]);
  step(() => {
    const y = noGrad(() => {
      assert.not(needsGrad(x));
      return relu(x);
    });
    assert.ok(needsGrad(x));
    assert.not(y.requiresGrad);
    assert.ok(tape().every((entry) => entry.backward === undefined));
    backward(add(y, x), [1, 1]);
  });
  assert.equal(Array.from(x.grad!.toArray()), [1, 1]);
  step(() =>
    backward(
      noGrad(() => relu(x)),
      [1, 1],
    ),
  );
  assert.equal(Array.from(x.grad!.toArray()), [1, 1], "what depends on nothing that learns adds nothing");
});

test("noGrad ends when its body throws", () => {
  step(() => {
    assert.throws(
      () =>
        noGrad(() => {
          throw new Error("on purpose");
        }),
      /on purpose/,
    );
    assert.ok(needsGrad(parameter([1])));
  });
});

test("gradients add up over the uses in a step and over steps, until they are zeroed", () => {
  const x = parameter([3], [1, 2, 3]);
  const run = () => step(() => backward(add(scale(x, 2), scale(x, 3)), [1, 10, 100]));
  run();
  assert.equal(Array.from(x.grad!.toArray()), [5, 50, 500]);
  run();
  assert.equal(Array.from(x.grad!.toArray()), [10, 100, 1000]);
  x.grad!.fill(0);
  run();
  assert.equal(Array.from(x.grad!.toArray()), [5, 50, 500]);
});

test("gradients do not flow into a tensor that does not require them, nor through an op that does not lead to the loss", () => {
  const x = parameter([2], [1, 2]);
  const constant = persistentTensor([2]).set([5, 6]);
  step(() => {
    const unused = scale(x, 7);
    const y = add(x, constant);
    backward(y, [1, 1]);
    assert.is(constant.grad, undefined);
    assert.is(unused.grad, undefined);
  });
  assert.equal(Array.from(x.grad!.toArray()), [1, 1]);
});

test("the tape prints every op with its shape, bytes and times", () => {
  const weight = parameter([3, 5]);
  const table = step(() => {
    const y = relu(linear(stepZeros([2, 5]), weight));
    note("lookup");
    backward(y, new Float32Array(6));
    return tapeTable();
  });
  const [head, ...lines] = table.split("\n");
  assert.match(head, /^op +shape +bytes +forward ms +backward ms$/);
  assert.is(lines.length, 3);
  assert.match(lines[0], /^linear +\[2,3\] +24 +\d+\.\d{3} +\d+\.\d{3}$/);
  assert.match(lines[1], /^relu +\[2,3\] +24 +\d+\.\d{3} +\d+\.\d{3}$/);
  assert.match(lines[2], /^lookup +0 +\d+\.\d{3} +0\.000$/);
  assert.is(new Set(table.split("\n").map((line) => line.length)).size, 1);
});

test("assertFiniteTape names the first op whose output is not finite, forward before backward", () => {
  const blame = (body: () => void) => {
    try {
      step(() => {
        body();
        assertFiniteTape();
      });
      return "nobody";
    } catch (error) {
      assert.instance(error, NotFiniteError);
      return (error as NotFiniteError).message;
    }
  };
  const x = parameter([2, 2], [1, 2, 3, 1e30]);
  const chain = (factor: number): Tensor => relu(scale(add(x, x), factor));
  assert.is(
    blame(() => void chain(3)),
    "nobody",
  );
  assert.is(
    blame(() => void chain(1e30)),
    "the output of scale is not finite ([2,2])",
  );
  assert.is(
    blame(() => backward(relu(add(x, x)), [1, Number.NaN, 1, 1])),
    "the gradient that reached relu is not finite ([2,2])",
  );
  x.grad!.fill(0);
  const zeros = parameter([2, 2]);
  assert.is(
    blame(() => backward(scale(scale(zeros, 1e30), 1e30), [1, 1, 1, 1])),
    "the backward of scale made a gradient that is not finite ([2,2])",
  );
  x.grad!.fill(0);
  assert.is(
    blame(() => backward(add(relu(x), scale(x, 1)), [3e38, 1, 1, 1])),
    "the backward of relu or scale made a gradient that is not finite ([2,2])",
    "an input of two ops, whose gradients overflow together",
  );
  x.grad!.fill(0);
});

test("item and set refuse the wrong size", () => {
  step(() => {
    assert.is(tensor([3.5]).item(), 3.5);
    assert.throws(() => tensor([1, 2]).item(), /item\(\) wants one element, this tensor has shape \[2\]/);
    assert.throws(() => tensor([1, 2, 3], [2, 2]), /3 values do not fill a tensor of shape \[2,2\]/);
  });
});

test("backward runs once per step", () => {
  const x = parameter([1], [2]);
  step(() => {
    const y = scale(x, 3);
    backward(y);
    assert.throws(() => backward(y), /backward\(\) was already called in this step/);
  });
  step(() => backward(scale(x, 3)));
  assert.is(x.grad?.item(), 6);
});
