/**
 * What every mechanism must show, over the list: no future, no cut, no threads and no file change what it computes. Documents that are read
 * again are left out of the leak test, for the reason that the case gives; read-twice.test.ts says what they must show instead.
 */
import * as assert from "uvu/assert";
import { add } from "../../src/autodiff/ops/elementwise.ts";
import { crossEntropy } from "../../src/autodiff/ops/vocabulary.ts";
import { backward, noGrad, step } from "../../src/autodiff/tape.ts";
import type { Tensor } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import { TensorReader } from "../../src/formats/tensor-reader.ts";
import { MECHANISM_NAMES } from "../../src/mechanisms/list.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import { generate, readDocument } from "../../src/model/generate.ts";
import type { ModelState } from "../../src/model/state.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { evaluate } from "../../src/train/evaluate.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { useThreads } from "../../src/wasm/parallel.ts";
import { heap } from "../../src/wasm/runtime.ts";
import { assertClose } from "../gradcheck.ts";
import { suite } from "../harness.ts";
import { randomDocuments, tinyConfig } from "../tiny.ts";
import { cases } from "./cases.ts";

const test = suite("every mechanism");

/** T of the tiny model, where a case does not say otherwise, and V. */
const SEGMENT = 7;
const VOCABULARY = 19;
/** Half the step of a central difference. */
const NUDGE = 4e-3;

function modelOf(overrides: Partial<ModelConfig>, seed = 1): Transformer {
  return new Transformer(tinyConfig({ vocab_size: VOCABULARY, memory_layers: [], ...overrides }), seed);
}

function randomIds(count: number, seed: number): Int32Array {
  const random = new Random(seed);
  return Int32Array.from({ length: count }, () => random.uint32() % VOCABULARY);
}

/** Reads one document of `rows` rows [rows, n] in parts of these lengths; returns the logits of each row, [n · V]. */
function read(model: Transformer, ids: Int32Array, rows: number, parts: readonly number[], state?: ModelState) {
  const length = ids.length / rows;
  const reading = state ?? model.newState({ rows });
  const logits = Array.from({ length: rows }, () => [] as number[]);
  let done = 0;
  for (const count of parts) {
    const part = Int32Array.from({ length: rows * count }, (_, i) => {
      return ids[Math.floor(i / count) * length + done + (i % count)];
    });
    const found = step(() => noGrad(() => model.forward({ ids: part }, reading).toArray()));
    for (let row = 0; row < rows; row++) {
      logits[row].push(...found.subarray(row * count * VOCABULARY, (row + 1) * count * VOCABULARY));
    }
    done += count;
  }
  if (state === undefined) reading.release();
  return logits.map((row) => Float32Array.from(row));
}

const segments = (count: number, tokens = SEGMENT) => Array<number>(count).fill(tokens);

/** The loss of the last segment after some that were read before, the same ones for every weight; `nudge` comes between them. */
function lossOfLast(
  model: Transformer,
  { nudge = () => {}, differentiate = false, auxiliary = false },
  ids = randomIds(2 * 4 * model.config.segment_length, 5),
): number {
  const state = model.newState({ rows: 2 });
  const part = (segment: number) => {
    const { segment_length: length } = model.config;
    const at = (row: number) => row * 4 * length + segment * length;
    return Int32Array.of(...[0, 1].flatMap((row) => [...ids.subarray(at(row), at(row) + length)]));
  };
  for (let s = 0; s < 3; s++) step(() => noGrad(() => void model.forward({ ids: part(s) }, state)));
  nudge();
  const loss = step(() => {
    const own: Tensor[] = [];
    const take = auxiliary ? (loss: Tensor) => void own.push(loss) : undefined;
    const predicted = crossEntropy(model.forward({ ids: part(3), auxiliary: take }, state), part(2)).loss;
    const total = own.reduce(add, predicted);
    if (differentiate) backward(total);
    return total.item();
  });
  state.release();
  return loss;
}

for (const mechanism of MECHANISM_NAMES) {
  const { variants, limit, remembers, smooth, seesFuture } = cases[mechanism];
  const memory: Partial<ModelConfig> = { memory_layers: [1], memory_size: 17, memory_combine: "joint" };
  const all = variants.flatMap((settings) => {
    const own = { mechanism, ...settings };
    return remembers ? [own, { ...own, ...memory }] : [own];
  });
  for (const overrides of all) {
    const tokens = overrides.segment_length ?? SEGMENT;
    const whole = (count: number) => segments(count, tokens);
    const { mechanism: _, ...shown } = overrides;
    const title = `${mechanism} ${JSON.stringify(shown)}`;

    test(`later tokens change no bit of earlier logits, nor do other rows: ${title}`, () => {
      const model = modelOf(overrides);
      const length = 4 * tokens;
      const ids = randomIds(2 * length, 3);
      const expected = read(model, ids, 2, whole(4));
      for (const last of [0, 1, 5, 6, 7, 11, 13, 16, 20, 21, 25].filter((token) => token < length - 1)) {
        const changed = ids.slice();
        for (let i = last + 1; i < length; i++) changed[i] = (changed[i] + 1 + (i % 5)) % VOCABULARY;
        const [first, second] = read(model, changed, 2, whole(4));
        const known = (last + 1) * VOCABULARY;
        assert.equal(first.subarray(0, known), expected[0].subarray(0, known), `up to token ${last}`);
        assert.not.equal(first.subarray(known), expected[0].subarray(known), `after token ${last}`);
        assert.equal(second, expected[1], "the other row");
      }
      model.release();
    });

    test(`token by token, or in parts, the logits are those of whole segments: ${title}`, () => {
      const model = modelOf(overrides);
      const ids = randomIds(2 * 4 * tokens, 4);
      const expected = read(model, ids, 2, whole(4));
      for (const parts of [
        Array<number>(4 * tokens).fill(1),
        [3, tokens - 3, 1, tokens - 1, tokens - 2, 2, 2, tokens - 2],
      ]) {
        const found = read(model, ids, 2, parts);
        for (const row of [0, 1]) assertClose(found[row], expected[row], 2e-5, `row ${row} in parts of ${parts}`);
      }
      model.release();
    });

    test(`a document that begins finds nothing of the one before: ${title}`, () => {
      const model = modelOf(overrides);
      const [before, ids] = [randomIds(2 * 3 * tokens, 6), randomIds(2 * 3 * tokens, 7)];
      const expected = read(model, ids, 2, whole(3));
      const state = model.newState({ rows: 2 });
      read(model, before, 2, whole(3), state);
      state.begin([1, 0]);
      const [first, second] = read(model, ids, 2, whole(3), state);
      assert.equal(first, expected[0]);
      assert.not.equal(second, expected[1], "the other row goes on");
      state.endDocument();
      const ended = read(model, ids, 2, whole(1), state)[0];
      if (!overrides.memory_layers) assert.equal(ended, expected[0].subarray(0, tokens * VOCABULARY));
      state.release();
      model.release();
    });

    test(`a state that was saved and restored goes on with the same bits: ${title}`, () => {
      const model = modelOf(overrides);
      for (const parts of [whole(3), [tokens, tokens, 3], [tokens, 1], [2]]) {
        const [state, copy] = [model.newState({ rows: 2 }), model.newState({ rows: 2 })];
        const length = parts.reduce((sum, count) => sum + count, 0);
        read(model, randomIds(2 * tokens, 9), 2, [tokens], copy);
        read(model, randomIds(2 * length, 8), 2, parts, state);
        const file = writeSafetensors(state.save("s."));
        const reader = new TensorReader(readSafetensors(file, "saved").tensors, "saved");
        copy.load(reader, "s.");
        reader.end();
        const rest = [state.room, ...whole(3)];
        const ids = randomIds(2 * (state.room + 3 * tokens), 10);
        assert.equal(read(model, ids, 2, rest, copy), read(model, ids, 2, rest, state), `after ${parts}`);
        state.release();
        copy.release();
      }
      model.release();
    });

    test(`gradients agree with central differences, what is carried held fixed: ${title}`, () => {
      const model = modelOf({ ...overrides, ...smooth, hidden_act: "gelu", memory_topk: 40 });
      for (const auxiliary of [false, true]) {
        model.parameters.zeroGradients();
        lossOfLast(model, { differentiate: true, auxiliary });
        // A loss of the mechanism's own may be kept from the other parameters on purpose, and so from those of lower layers.
        const own = (name: string) => name.includes(`layers.${model.config.num_hidden_layers - 1}.mechanism.`);
        const names = model.parameters.names().filter((name) => !auxiliary || own(name));
        for (const name of names) {
          const parameter = model.parameters.get(name);
          const [values, gradients] = [parameter.toArray(), parameter.grad?.toArray() ?? []];
          const [actual, expected]: number[][] = [[], []];
          for (let i = 0; i < values.length; i += Math.max(1, Math.floor(values.length / 5))) {
            const shifted = (by: number) => {
              parameter.set(values);
              const nudge = () => void parameter.set(values.map((value, j) => (j === i ? value + by : value)));
              return lossOfLast(model, { nudge, auxiliary });
            };
            expected.push((shifted(NUDGE) - shifted(-NUDGE)) / (2 * NUDGE));
            actual.push(gradients[i]);
          }
          parameter.set(values);
          assertClose(actual, expected, 3e-3, name);
        }
      }
      model.release();
    });

    test(`one thread and two give the same bits: ${title}`, async () => {
      const model = modelOf(overrides);
      const results: Float32Array[][] = [];
      for (const threads of [1, 2]) {
        await useThreads(threads);
        model.parameters.zeroGradients();
        lossOfLast(model, { differentiate: true, auxiliary: true });
        const gradients = model.parameters.blocks.map((block) => block.gradients.toArray());
        results.push([...gradients, ...read(model, randomIds(2 * 3 * tokens, 11), 2, whole(3))]);
      }
      await useThreads(1);
      assert.equal(results[1], results[0]);
      model.release();
    });

    test(`its state gives back all of its bytes: ${title}`, () => {
      const model = modelOf(overrides);
      const bytes = heap.bytesInUse;
      model.newState({ rows: 3 }).release();
      assert.is(heap.bytesInUse, bytes);
      model.release();
    });
  }

  if (typeof limit !== "string") {
    test(`${mechanism} in its limit is full attention`, () => {
      const [model, full] = [modelOf({ mechanism, ...limit.settings }), modelOf(limit.full, 2)];
      for (const name of full.parameters.names()) model.parameters.get(name).set(full.parameters.get(name).toArray());
      limit.prepare?.(model);
      const ids = randomIds(2 * 4 * SEGMENT, 12);
      const [found, expected] = [model, full].map((reader) => read(reader, ids, 2, segments(4)));
      for (const row of [0, 1]) {
        if (limit.tolerance === 0) assert.equal(found[row], expected[row]);
        else assertClose(found[row], expected[row], limit.tolerance, `row ${row}`);
      }
      model.release();
      full.release();
    });
  }

  test(`${mechanism} ${seesFuture ? `is left out of the leak test when it reads again: ${seesFuture}` : "refuses to read again"}`, () => {
    const model = modelOf({ mechanism, ...variants[0] });
    const tokens = model.config.segment_length;
    const readAgain = (ids: Int32Array) => {
      using state = model.newState({ rows: 1 });
      read(model, ids, 1, segments(3, tokens), state);
      state.readAgain();
      return read(model, ids, 1, segments(3, tokens), state)[0].subarray(0, VOCABULARY);
    };
    const ids = randomIds(3 * tokens, 13);
    if (seesFuture === undefined) {
      assert.throws(() => readAgain(ids), `readAgain: the mechanism ${mechanism} reads a document once`);
    } else {
      const changed = ids.slice();
      changed[2 * tokens] = (changed[2 * tokens] + 1) % VOCABULARY;
      assert.not.equal(readAgain(changed), readAgain(ids), "a later token changes the first one's logits");
    }
    model.release();
  });

  test(`${mechanism} learns, and a resumed training goes on with the same bits`, () => {
    const settings = { mechanism, ...variants[0], memory_layers: remembers ? [1] : [] };
    const documents = randomDocuments([40, 23, 9, 31, 2, 15]);
    const options = { batchSize: 2, gradientAccumulation: 2, warmupSteps: 2, learningRate: 0.01, steps: 40 };
    const model = new Transformer(tinyConfig(settings), 1);
    const trainer = new Trainer(model, documents, options);
    const losses = Array.from({ length: 25 }, () => trainer.trainStep().loss);
    const mean = (part: number[]) => part.reduce((sum, loss) => sum + loss, 0) / part.length;
    assert.ok(mean(losses.slice(-5)) < 0.75 * mean(losses.slice(0, 5)), `the losses are ${losses}`);
    const { record, tensors } = trainer.save();
    const twin = new Transformer(model.config, 2);
    for (const name of model.parameters.names()) twin.parameters.get(name).set(model.parameters.get(name).toArray());
    const resumed = new Trainer(twin, documents, options);
    const stored = readSafetensors(writeSafetensors(tensors), "saved").tensors;
    resumed.load(record, new TensorReader(stored, "saved"));
    for (let n = 0; n < 8; n++) assert.is(resumed.trainStep().loss, trainer.trainStep().loss, `step ${n}`);
    for (const part of [trainer, resumed, model, twin]) part.release();
  });

  test(`${mechanism} is evaluated and writes like any other model`, async () => {
    const model = new Transformer(tinyConfig({ mechanism, ...variants[0], memory_layers: remembers ? [1] : [] }), 1);
    const documents = randomDocuments([40, 9, 23]);
    const tokenizer = byteTokenizer();
    const memorySizes = remembers ? [0, 17] : [0];
    const [one, three] = [1, 3].map((rows) => evaluate(model, documents, tokenizer, { memorySizes, rows }));
    for (const [i, { nats }] of one.results.entries()) assert.ok(Math.abs(nats - three.results[i].nats) < 1e-3);
    const write = async () => {
      const state = model.newState({ rows: 1 });
      await readDocument(model, state, documents[0].tokens().slice(0, 17));
      const written: number[] = [];
      const options = { tokens: 20, temperature: 0 };
      for await (const { id } of generate(model, tokenizer, state, Int32Array.of(97), options)) written.push(id);
      state.release();
      return written;
    };
    const [first, second] = [await write(), await write()];
    assert.is(first.length, 20);
    assert.equal(second, first);
    model.release();
  });
}
