/** Losses at the end of a document, as the benchmark of long documents measures them, against the whole document in one reading. */
import * as assert from "uvu/assert";
import { type JudgedEnd, judgedEnds } from "../../bench/judged-end.ts";
import { lineThrough } from "../../bench/line.ts";
import type { Decoder } from "../../src/families/decoder.ts";
import { logitsOf, randomTokens, smallDecoder } from "../families/small-decoders.ts";
import { suite } from "../harness.ts";

const test = suite("long documents");

const settings = { window: 6, segment: 4, sinks: 1, neighbours: 3, reach: 10 };

const decoder = () => smallDecoder("llama", { max_position_embeddings: 20 });

/** Mean loss of the tokens after the `from`-th, from logits of the whole document. */
function wholeLoss(model: Decoder, ids: Int32Array, from: number, memorySize: number): number {
  using state = model.newState({ rows: 1, ...settings, memorySize });
  const [logits] = logitsOf(model, state, [ids.slice(0, -1)]);
  const { vocabulary } = model.architecture;
  let sum = 0;
  for (let at = from; at < ids.length - 1; at++) {
    const row = logits.subarray(at * vocabulary, (at + 1) * vocabulary);
    sum += Math.log(row.reduce((total, logit) => total + Math.exp(logit), 0)) - row[ids[at + 1]];
  }
  return sum / (ids.length - 1 - from);
}

const end: JudgedEnd = { judged: 8, windows: [], sizes: [], neighbours: [], settings };
const nats = (model: Decoder, ids: Int32Array, given: Partial<JudgedEnd>) =>
  [...judgedEnds(model, ids, { ...end, ...given })].map((judgement) => [judgement.setting, judgement.nats] as const);

test("the largest memory and a window alone lose what one reading of the whole document loses", () => {
  using model = decoder();
  const ids = randomTokens(41);
  const found = new Map(nats(model, ids, { sizes: [40], windows: [6] }));
  assert.ok(Math.abs((found.get("memory 40") ?? NaN) - wholeLoss(model, ids, 32, 40)) < 1e-5);
  assert.ok(Math.abs((found.get("window 6") ?? NaN) - wholeLoss(model, ids, 32, 0)) < 1e-5);
});

test("fewer pairs and fewer neighbours give other losses, and the largest memory comes last", () => {
  using model = decoder();
  const found = nats(model, randomTokens(41), { sizes: [40, 5], neighbours: [1] });
  assert.equal(
    found.map(([setting]) => setting),
    ["K 1", "memory 5", "memory 40"],
  );
  assert.is(new Set(found.map(([, loss]) => loss)).size, 3);
});

test("a state can be asked until the next setting", () => {
  using model = decoder();
  for (const { state } of judgedEnds(model, randomTokens(41), { ...end, sizes: [40], windows: [6] })) {
    assert.is(state.room, 4); // all but the last token was read, ten whole segments
  }
});

test("the line through four points, written out", () => {
  assert.equal(
    lineThrough([
      [0, 1],
      [1, 3],
      [2, 5],
      [3, 7],
    ]),
    [1, 2],
  );
  assert.equal(lineThrough([[4, 2]]), [2, 0]);
});
