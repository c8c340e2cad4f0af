/** Keys and queries as directions: the query of one token, and its cosine with every key that one head has stored. */
import { noGrad, step } from "memorizing-transformer";
import { asFloats, queriesOf } from "./layer.ts";
import type { Subject } from "./subject.ts";

const NEAREST = 5;

export function directionsFigure(subject: Subject, { token, head }: { token: number; head: number }) {
  const { model, ahead, remembered, passage } = subject;
  const { head_dim: width, memory_layers: layers } = model.config;
  const queries = step(() => noGrad(() => queriesOf(subject, ahead.subarray(0, model.config.segment_length)))); // [T, H, D]
  const query = queries.subarray((token * remembered.heads + head) * width).subarray(0, width);
  const all = asFloats(remembered.layers.get(layers[0])!.keys); // [H, n, D]
  const { length } = remembered;
  const cosines = new Float32Array(length);
  for (let pair = 0; pair < length; pair++) {
    const at = (head * length + pair) * width;
    for (let d = 0; d < width; d++) cosines[pair] += query[d] * all[at + d];
  }
  const order = [...cosines.keys()].sort((a, b) => cosines[b] - cosines[a]).slice(0, NEAREST);
  const nearest = order.map((pair) => ({ ...passage(pair - length), cosine: cosines[pair] }));
  return { text: passage(token), cosines, nearest };
}
