/**
 * Real weights: a character LSTM of two layers that others trained on Shakespeare (ml5js/ml5-data-and-models, MIT) predicts here as in
 * the library that it was published for. What is expected was computed by TensorFlow.js 4.22 (basicLSTMCell and multiRNNCell with a forget
 * bias of 1, one character at a time, CPU backend).
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { lstm } from "../../src/autodiff/ops/lstm.ts";
import { linear } from "../../src/autodiff/ops/matmul.ts";
import { embedding } from "../../src/autodiff/ops/vocabulary.ts";
import { noGrad, step } from "../../src/autodiff/tape.ts";
import { type PersistentTensor, persistentTensor } from "../../src/autodiff/tensor.ts";
import { exists } from "../../src/platform/files.ts";
import { assertClose } from "../gradcheck.ts";
import { suite } from "../harness.ts";

const test = suite("a character LSTM");
const folder = "../shared/models/char-rnn-shakespeare";
const missing = exists(folder) ? undefined : `${folder} is not there`;

/** C */
const WIDTH = 128;
/** Its blocks are in the order i, g, f, o; ours are i, f, g, o. */
const BLOCKS = [0, 2, 1, 3];

/** The state of each row after nothing. */
function emptyState() {
  const [hidden, cell, nextHidden, nextCell] = Array.from({ length: 4 }, () => persistentTensor([1, WIDTH]));
  return { hidden, cell, nextHidden, nextCell };
}

/** The file's weights, as our ops take them. */
function loadCharRnn() {
  const read = (name: string) => readFileSync(join(folder, name));
  const manifest: Record<string, { filename: string; shape: number[] }> = JSON.parse(String(read("manifest.json")));
  const vocabulary: Record<string, number> = JSON.parse(String(read("vocab.json")));
  const floats = (name: string) => {
    const bytes = read(manifest[name].filename);
    return new Float32Array(Uint8Array.from(bytes).buffer);
  };
  const fill = (shape: number[], value: (row: number, column: number) => number): PersistentTensor =>
    persistentTensor(shape).set(
      Float32Array.from({ length: shape[0] * (shape[1] ?? 1) }, (_, n) =>
        value(Math.floor(n / (shape[1] ?? 1)), n % (shape[1] ?? 1)),
      ),
    );
  const layers = [0, 1].map((layer) => {
    const prefix = `rnnlm/multi_rnn_cell/cell_${layer}/basic_lstm_cell`;
    const [weights, biases] = [floats(`${prefix}/weights`), floats(`${prefix}/biases`)]; // [2C, 4C], [4C]
    const column = (gate: number) => BLOCKS[Math.floor(gate / WIDTH)] * WIDTH + (gate % WIDTH);
    return {
      input: fill([4 * WIDTH, WIDTH], (gate, i) => weights[i * 4 * WIDTH + column(gate)]),
      recurrent: fill([4 * WIDTH, WIDTH], (gate, i) => weights[(WIDTH + i) * 4 * WIDTH + column(gate)]),
      bias: fill([4 * WIDTH], (gate) => biases[column(gate)]),
    };
  });
  const characters = manifest.embedding.shape[0];
  const output = floats("rnnlm/softmax_w"); // [C, V]
  return {
    vocabulary,
    layers,
    embedding: persistentTensor([characters, WIDTH]).set(floats("embedding")),
    output: fill([characters, WIDTH], (character, i) => output[i * characters + character]),
    outputBias: persistentTensor([characters]).set(floats("rnnlm/softmax_b")),
  };
}

/** A reader of characters: logits [n, V] for the character after each. */
function readerOf(model: ReturnType<typeof loadCharRnn>) {
  const states = model.layers.map(emptyState);
  return (ids: ArrayLike<number>): Float32Array =>
    step(() =>
      noGrad(() => {
        let x = embedding(model.embedding, Int32Array.from(ids), [1, ids.length]);
        for (const [n, { input, recurrent, bias }] of model.layers.entries()) {
          x = lstm(linear(x, input, bias), recurrent, states[n], 1);
          const { hidden, cell, nextHidden, nextCell } = states[n];
          states[n] = { hidden: nextHidden, cell: nextCell, nextHidden: hidden, nextCell: cell };
        }
        return linear(x, model.output, model.outputBias).toArray();
      }),
    );
}

const TEXT = "KING RICHARD III:\nWhat, is the king dead?\n";
/** Nats of each character of the text after the first. */
const EXPECTED = [
  5.522355, 5.331507, 6.820869, 8.560494, 5.704989, 8.391619, 7.997206, 2.693308, 4.911731, 5.807876, 7.401124,
  12.82693, 6.441541, 6.738769, 8.108187, 8.05486, 7.710569, 2.684332, 6.538818, 3.347578, 0.09184345, 1.758654,
  0.101271, 2.722647, 2.065385, 0.1436497, 3.306366, 0.1382861, 1.588054, 0.1293316, 4.950706, 0.260685, 0.01548012,
  0.4410834, 2.25852, 4.524952, 2.780969, 0.6666227, 0.9873363, 1.694355, 0.04030902,
];
/** The likeliest 60 characters after it, one by one. */
const CONTINUATION = "\nCLARENCE:\nO, sir, I will not so stand and the stronger,\nTha";

test.unless(missing, "every character of a text is as likely as in its own library, read at once or one by one", () => {
  const model = loadCharRnn();
  const ids = [...TEXT].map((character) => model.vocabulary[character]);
  const characters = model.outputBias.size;
  const oneByOne = readerOf(model);
  for (const logits of [readerOf(model)(ids), Float32Array.from(ids.flatMap((id) => [...oneByOne([id])]))]) {
    const nats = ids.slice(1).map((id, n) => {
      const row = logits.subarray(n * characters, (n + 1) * characters);
      return Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0)) - row[id];
    });
    // 2e-6 of the largest, 12.8 nats
    assertClose(nats, EXPECTED, 2e-6, "nats");
  }
});

test.unless(missing, "it goes on with the same 60 characters", () => {
  const model = loadCharRnn();
  const byId = new Map(Object.entries(model.vocabulary).map(([character, id]) => [id, character]));
  const read = readerOf(model);
  let logits: Float32Array = read([...TEXT].map((character) => model.vocabulary[character])).slice(
    -model.outputBias.size,
  );
  let written = "";
  for (let n = 0; n < CONTINUATION.length; n++) {
    const id = logits.indexOf(Math.max(...logits));
    written += byId.get(id);
    logits = read([id]);
  }
  assert.is(written, CONTINUATION);
});
