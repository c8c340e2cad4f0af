/**
 * The neural cache of Grave, Joulin and Usunier (2017) beside the memory: it keeps the last hidden state of every token with the token
 * that followed, and lets those most like the present state vote for what comes next.
 */
import { noGrad, rmsNorm, step, VectorStore } from "memorizing-transformer";
import { breathe, lossesOf, type Subject } from "./subject.ts";

/** Places that vote, and how much a closer one counts more. */
const VOTERS = 64;
const SHARPNESS = 20;

export async function cacheFigure(subject: Subject) {
  const { past, ahead, remembered } = subject;
  const { hidden_size: width } = subject.model.config;
  const ids = Int32Array.from([...past, ...ahead]);
  const states = await statesOf(subject, ids); // [n, C], of length 1
  const first = past.length; // the first state ahead; it predicts the second token there
  using store = new VectorStore({ width, size: ids.length });
  const cache = new Float32Array(ahead.length - 1);
  append(store, states, ids, 0, first - 1);
  for (let i = 0; i < cache.length; i++) {
    append(store, states, ids, first + i - 1, first + i);
    const query = states.subarray((first + i) * width, (first + i + 1) * width);
    cache[i] = shareOf(store, query, ids[first + i + 1]);
    if (i % 32 === 0) await breathe();
  }
  const probabilities = async (options: object) =>
    (await lossesOf(subject, ahead, options)).map((nats) => Math.exp(-nats));
  const model = await probabilities({ memorySize: 0 });
  return { model, memory: await probabilities({ known: remembered }), cache };
}

/** Adds the states from `begin` to `end`, each with the token behind it as the first number of its value. */
function append(store: VectorStore, states: Float32Array, ids: Int32Array, begin: number, end: number): void {
  const { width } = store;
  const values = new Float32Array((end - begin) * width);
  for (let i = begin; i < end; i++) values[(i - begin) * width] = ids[i + 1];
  store.append(states.subarray(begin * width, end * width), values);
}

/** The probability of a token by the votes of the nearest states. */
function shareOf(store: VectorStore, query: Float32Array, token: number): number {
  const { scores, values } = store.lookup(query, VOTERS);
  const weights = Array.from(scores, (score) => Math.exp(SHARPNESS * (score - scores[0])));
  const votes = weights.filter((_, rank) => values[rank * store.width] === token);
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
  return sum(votes) / sum(weights);
}

/** The last hidden state of every token, without a memory, scaled to length 1, [n, C]. */
async function statesOf({ model }: Subject, ids: Int32Array): Promise<Float32Array> {
  const { hidden_size: width, segment_length: segment, rms_norm_eps } = model.config;
  using state = model.newState({ rows: 1, memorySize: 0 });
  const states = new Float32Array(ids.length * width);
  const norm = model.parameters.get("model.norm.weight");
  for (let begin = 0; begin < ids.length; begin += segment) {
    const part = ids.subarray(begin, begin + segment);
    const last = step(() => noGrad(() => rmsNorm(model.hidden({ ids: part }, state), norm, rms_norm_eps).toArray()));
    states.set(last, begin * width);
    await breathe();
  }
  for (let i = 0; i < ids.length; i++) {
    const row = states.subarray(i * width, (i + 1) * width);
    const length = Math.hypot(...row);
    for (let c = 0; c < width; c++) row[c] /= length;
  }
  return states;
}
