/** The properties that every implementation of the paper must show (ALGORITHM.md, section 7), on the whole model. */
import * as assert from "uvu/assert";
import { crossEntropy } from "../../src/autodiff/ops/vocabulary.ts";
import { backward, noGrad, step } from "../../src/autodiff/tape.ts";
import { Random } from "../../src/base/random.ts";
import { type ModelConfig, parseConfig } from "../../src/model/config.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { assertClose } from "../gradcheck.ts";
import { suite } from "../harness.ts";

const test = suite("properties of the paper's model");

const SEGMENT = 7;

function configure(overrides: object): ModelConfig {
  return parseConfig(
    {
      vocab_size: 23,
      hidden_size: 12,
      num_hidden_layers: 3,
      num_attention_heads: 2,
      head_dim: 5,
      intermediate_size: 9,
      segment_length: SEGMENT,
      memory_layers: [1],
      memory_size: 3 * SEGMENT + 2,
      memory_topk: 4,
      ...overrides,
    },
    "test",
  );
}

function randomSegments(count: number, rows: number, seed = 3): Int32Array[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () =>
    Int32Array.from({ length: rows * SEGMENT }, () => Math.floor(random.next() * 23)),
  );
}

/** Returns logits [B, T, V] of each segment, read in order. A row begins a document where `starts` is 1. */
function read(model: Transformer, segments: Int32Array[], memorySize: number, starts: number[][] = []): Float32Array[] {
  const rows = segments[0].length / SEGMENT;
  const state = model.newState({ rows, memorySize });
  const logits = noGrad(() =>
    segments.map((ids, s) => step(() => model.forward({ ids, starts: starts[s] }, state).toArray())),
  );
  state.release();
  return logits;
}

test("a small example, written out: weights of 0 make all 23 logits 0, with a memory and without", () => {
  const model = new Transformer(configure({}), null);
  for (const size of [0, 50]) {
    const [, second] = read(model, randomSegments(2, 1), size);
    assert.equal(second, new Float32Array(SEGMENT * 23));
  }
});

for (const memory_combine of ["gate", "joint"]) {
  test(`1. without a memory, or while it is empty, the output is bit-identical to the baseline's (${memory_combine})`, () => {
    const model = new Transformer(configure({ memory_combine }), 1);
    const segments = randomSegments(4, 2);
    const [off, on] = [read(model, segments, 0), read(model, segments, 50)];
    assert.equal(on[0], off[0], "the first segment finds an empty memory");
    assert.not.equal(on[1], off[1], "the second does not");
    const plain = new Transformer(configure({ memory_combine, memory_layers: [] }), 2);
    for (const name of plain.parameters.names()) plain.parameters.get(name).set(model.parameters.get(name).toArray());
    assert.equal(read(plain, segments, 0), off, "a model that never had a memory layer");
  });
}

test("2. with K at least the number of stored pairs, every stored pair is attended to", () => {
  const segments = randomSegments(3, 1);
  const outputs = [2 * SEGMENT, 2 * SEGMENT + 1, 500].map((memory_topk) => {
    const model = new Transformer(configure({ memory_topk, memory_size: 40 }), 1);
    return read(model, segments, 40);
  });
  assert.equal(outputs[1], outputs[0]);
  assert.equal(outputs[2], outputs[0]);
});

test("3. one row's output does not depend on another row's document, nor on tokens before a reset", () => {
  const model = new Transformer(configure({ xl_cache_length: 5, smear_keys: "all", memory_copy: true }), 1);
  const [mine, other, another] = [randomSegments(4, 1, 1), randomSegments(4, 1, 2), randomSegments(4, 1, 3)];
  const sideBySide = (a: Int32Array[], b: Int32Array[]) => a.map((ids, s) => Int32Array.of(...ids, ...b[s]));
  const starts = [
    [1, 1],
    [0, 0],
    [1, 0],
    [0, 0],
  ];
  const first = read(model, sideBySide(mine, other), 40, starts);
  const second = read(model, sideBySide(mine, another), 40, starts);
  const fresh = read(model, mine.slice(2), 40);
  const size = first[0].length / 2;
  for (let s = 0; s < 4; s++) {
    assert.equal(first[s].subarray(0, size), second[s].subarray(0, size), `row 0, segment ${s}`);
    if (s >= 2) assert.equal(first[s].subarray(0, size), fresh[s - 2], `after its reset, segment ${s}`);
  }
});

for (const xl_cache_length of [0, 9]) {
  test(`4. enlarging M leaves the first M tokens bit-identical (cache of ${xl_cache_length})`, () => {
    const smear_keys = xl_cache_length > 0 ? "memory_layers" : "none";
    const memory_copy = xl_cache_length > 0;
    const model = new Transformer(configure({ xl_cache_length, smear_keys, memory_copy }), 1);
    const segments = randomSegments(7, 2);
    const [small, large] = [read(model, segments, 3 * SEGMENT), read(model, segments, 100)];
    // Segment s looks up the s·T tokens before it, so segments 0 to 3 see the same memory.
    assert.equal(large.slice(0, 4), small.slice(0, 4));
    assert.not.equal(large[4], small[4]);
  });
}

test("5. after M + n tokens the first n pairs are gone, for every n, also where T does not divide M", () => {
  const model = new Transformer(configure({}), 1);
  const segments = randomSegments(5, 1);
  const remembered = (memorySize: number) => {
    const state = model.newState({ rows: 1, memorySize });
    noGrad(() => segments.forEach((ids) => void step(() => model.forward({ ids }, state))));
    const memory = [...state.memories.values()][0];
    const { keys, values } = memory.contents(0);
    const pairs = [keys, values].map((numbers) => [0, 1].map((head) => pairsOf(numbers, head, memory.length(0))));
    state.release();
    return pairs;
  };
  const everything = remembered(100); // layer 0 has no memory, so what layer 1 stores does not depend on M
  for (let M = 1; M <= 5 * SEGMENT + 1; M++) {
    assert.equal(
      remembered(M),
      everything.map((heads) => heads.map((pairs) => pairs.slice(-M))),
      `M = ${M}`,
    );
  }
});

/** The pairs of one head, [length][D], of keys or values [H, length, D]. */
function pairsOf(numbers: Float32Array | Uint16Array, head: number, length: number): number[][] {
  const width = numbers.length / 2 / length;
  return Array.from({ length }, (_, n) => [
    ...numbers.subarray((head * length + n) * width, (head * length + n + 1) * width),
  ]);
}

for (const [memory_combine, smear_keys, memory_topk, memory_copy = false] of [
  ["gate", "none", 4],
  ["joint", "none", 4],
  ["gate", "memory_layers", 40], // all pairs: a nudged query retrieves the same ones
  ["joint", "all", 40],
  ["gate", "memory_layers", 40, true],
] as const) {
  const variant = `${memory_combine}, smeared keys: ${smear_keys}${memory_copy ? ", copying" : ""}`;
  test(`6. gradients through the memory layer agree with finite differences, stored pairs held fixed (${variant})`, () => {
    const first = { attention_scale_init: 3, memory_gate_init: 0.4 };
    const model = new Transformer(configure({ memory_combine, smear_keys, memory_topk, memory_copy, ...first }), 1);
    const segments = randomSegments(4, 1);
    const targets = randomSegments(1, 1, 9)[0];
    // Reads three segments, then returns the loss of the fourth. `nudge` changes parameters only before the fourth, so the
    // stored pairs stay the same: no gradient flows into the memory.
    const lossOfLast = (nudge: () => void, differentiate = false) => {
      const state = model.newState({ rows: 1 });
      for (const ids of segments.slice(0, 3)) noGrad(() => step(() => void model.forward({ ids }, state)));
      nudge();
      const loss = step(() => {
        const { loss } = crossEntropy(model.forward({ ids: segments[3] }, state), targets);
        if (differentiate) backward(loss);
        return loss.item();
      });
      state.release();
      return loss;
    };
    lossOfLast(() => {}, true);
    const attention = [
      "q_proj.weight",
      "k_proj.weight",
      "attention_scale",
      ...(smear_keys === "none" ? [] : ["key_smear"]),
      ...(memory_combine === "gate" ? ["memory_gate"] : []),
    ].map((name) => `model.layers.1.self_attn.${name}`);
    for (const name of [...attention, ...model.parameters.names().filter((each) => each.includes("memory_copy"))]) {
      const parameter = model.parameters.get(name);
      const values = parameter.toArray();
      const gradients = parameter.grad?.toArray() ?? new Float32Array();
      const [actual, expected]: number[][] = [[], []];
      for (let i = 0; i < values.length; i += Math.max(1, Math.floor(values.length / 6))) {
        const shifted = (by: number) => {
          parameter.set(values);
          return lossOfLast(() => parameter.set(values.map((value, j) => (j === i ? value + by : value))));
        };
        const difference = (shifted(1e-2) - shifted(-1e-2)) / 2e-2;
        parameter.set(values);
        actual.push(gradients[i]);
        expected.push(difference);
      }
      assertClose(actual, expected, 2e-3, name);
    }
  });
}

for (const [smear_keys, memory_copy] of [
  ["none", false],
  ["memory_layers", false],
  ["all", false],
  ["memory_layers", true],
]) {
  const variant = `smeared keys: ${smear_keys}${memory_copy ? ", copying" : ""}`;
  test(`a segment read at once or token by token gives the same logits (${variant})`, () => {
    const model = new Transformer(configure({ xl_cache_length: 4, smear_keys, memory_copy }), 1);
    const segments = randomSegments(4, 1);
    const whole = read(model, segments, 40);
    const state = model.newState({ rows: 1, memorySize: 40 });
    for (const [s, ids] of segments.entries()) {
      for (let i = 0; i < SEGMENT; ) {
        const count = Math.min(SEGMENT - i, 1 + (i % 3));
        const part = ids.slice(i, i + count);
        const logits = noGrad(() => step(() => model.forward({ ids: part }, state).toArray()));
        assertClose(logits, whole[s].subarray(i * 23, (i + count) * 23), 1e-5, `segment ${s}, token ${i}`);
        i += count;
      }
    }
    state.release();
  });
}

test("several memory layers each keep their own pairs", () => {
  const model = new Transformer(configure({ memory_layers: [0, 2] }), 1);
  const state = model.newState({ rows: 1 });
  for (const ids of randomSegments(2, 1)) noGrad(() => step(() => void model.forward({ ids }, state)));
  const [lower, upper] = [0, 2].map((layer) => state.memories.get(layer)?.contents(0).keys ?? new Float32Array());
  assert.is(lower.length, 2 * 2 * SEGMENT * 5);
  assert.not.equal(lower, upper);
  state.release();
});

test("padding after a document's last token is not remembered", () => {
  const model = new Transformer(configure({}), 1);
  const state = model.newState({ rows: 2 });
  noGrad(() => step(() => void model.forward({ ids: randomSegments(1, 2)[0], lengths: [3, SEGMENT] }, state)));
  const memory = state.memories.get(1);
  assert.equal([memory?.length(0), memory?.length(1)], [3, SEGMENT]);
  state.release();
});
