/**
 * Memorizing Transformers (Wu, Rabe, Hutchins and Szegedy 2022, arXiv 2203.08913) in one file: the model, its memory and its
 * training, in plain loops and double precision. The program in src/ computes the same, fast, and is tested against this file.
 *
 *   node reference/memorizing-transformer.ts text.txt    (Node 24, Deno or Bun; Node 20 runs its twin in dist/reference)
 *
 * The idea: a language model reads a long document one segment at a time. One of its layers keeps the keys and values of all
 * earlier segments in a memory. In that layer a query attends twice: to its own segment, and to the K stored keys most like
 * it. A gate blends the two answers. So a definition 50,000 tokens back is one lookup away, and no weight has to change.
 *
 * How to read: a tensor is two flat arrays, its numbers and the gradient of the loss with respect to each of them. A function
 * computes its output, and puts on the tape how the output's gradient becomes gradients of its inputs. So every forward stands
 * directly above its backward. Most tensors belong to one token; a segment is an array of T of them.
 *
 *   B documents side by side   T tokens in a segment   C channels        V vocabulary   L layers
 *   H heads of D numbers       F hidden units          M pairs stored    K retrieved    W cached tokens (Transformer-XL)
 */
import { readFileSync, statSync } from "node:fs";

/** Numbers, and the gradient of the loss with respect to each. Comments give the shape: [O, I] is O rows of I numbers. */
export type Tensor = readonly [x: Float64Array, dx: Float64Array];

/** The backward of every function called so far, in order. */
const tape: (() => void)[] = [];

/** The chain rule: runs the tape from its end, so that an output's gradient is complete before it is passed on. */
function backward(): void {
  while (tape.length > 0) tape.pop()?.();
}

/** A tensor that a function computed. Its backward `pass` gets the gradient dy, and adds to the gradients of the inputs. */
function node(y: Float64Array, pass: (dy: Float64Array) => void): Tensor {
  const dy = new Float64Array(y.length);
  tape.push(() => pass(dy));
  return [y, dy];
}

/** A tensor without a backward: a parameter, or a constant, whose gradient nobody reads. */
function leaf(x: Float64Array): Tensor {
  return [x, new Float64Array(x.length)];
}

/** Row i of n numbers. It is a view: its gradient is a part of the whole tensor's. */
function row([x, dx]: Tensor, i: number, n: number): Tensor {
  return [x.subarray(i * n, (i + 1) * n), dx.subarray(i * n, (i + 1) * n)];
}

/** Σ a_i b_{at + i} over all of a. */
function dot(a: Float64Array, b: Float64Array, at = 0): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[at + i];
  return sum;
}

/** exp(x_i) / Σ exp(x_j). Subtracting the largest x changes nothing, but keeps exp from overflowing. */
function softmax(x: Float64Array): Float64Array {
  const most = x.reduce((a, b) => Math.max(a, b));
  const powers = x.map((value) => Math.exp(value - most));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

/** y = f W x. Backward: dx = f Wᵀ dy, dW = f dy xᵀ. W [O, I], x [I] → y [O] */
function linear([W, dW]: Tensor, [x, dx]: Tensor, f = 1): Tensor {
  const I = x.length;
  const y = new Float64Array(W.length / I).map((_, o) => f * dot(x, W, o * I));
  return node(y, (dy) => {
    for (let o = 0; o < y.length; o++) {
      for (let i = 0, g = f * dy[o]; i < I; i++) {
        dx[i] += g * W[o * I + i];
        dW[o * I + i] += g * x[i];
      }
    }
  });
}

/** y = a + b. Backward: da = dy, db = dy. */
function add([a, da]: Tensor, [b, db]: Tensor): Tensor {
  const y = a.map((value, i) => value + b[i]);
  return node(y, (dy) => {
    for (const d of [da, db]) for (let i = 0; i < y.length; i++) d[i] += dy[i];
  });
}

/** y = max(x, 0). Backward: dx = dy where x > 0. */
function relu([x, dx]: Tensor): Tensor {
  const y = x.map((value) => Math.max(value, 0));
  return node(y, (dy) => {
    for (let i = 0; i < y.length; i++) if (x[i] > 0) dx[i] += dy[i];
  });
}

/**
 * y = x / n with n = √(c x·x + eps). Backward: dx = (dy − c y (y·dy)) / n.
 * With c = 1, y has length 1. Queries and keys get that length: q·k is a cosine, so old keys compare fairly with new ones.
 */
function normalise([x, dx]: Tensor, c = 1, eps = 1e-12): Tensor {
  const n = Math.sqrt(c * dot(x, x) + eps);
  const y = x.map((value) => value / n);
  return node(y, (dy) => {
    const along = c * dot(y, dy);
    for (let i = 0; i < y.length; i++) dx[i] += (dy[i] - y[i] * along) / n;
  });
}

/** RMSNorm (Zhang and Sennrich 2019): y = w u with u = x / √(mean(x²) + 1e-6). Backward: dw = dy u, du = dy w. x, w [C] */
function rmsNorm(x: Tensor, [w, dw]: Tensor): Tensor {
  const [u, du] = normalise(x, 1 / w.length, 1e-6);
  const y = u.map((value, i) => w[i] * value);
  return node(y, (dy) => {
    for (let i = 0; i < y.length; i++) {
      dw[i] += dy[i] * u[i];
      du[i] += dy[i] * w[i];
    }
  });
}

/** −ln softmax(logits)[target], in nats. Backward, of that / count: dlogits = (softmax − onehot) / count. logits [V] */
function crossEntropy([logits, dlogits]: Tensor, target: number, count: number): number {
  const p = softmax(logits);
  tape.push(() => {
    for (let i = 0; i < p.length; i++) dlogits[i] += (p[i] - (i === target ? 1 : 0)) / count;
  });
  return -Math.log(p[target]);
}

// ---- Attention and the memory -----------------------------------------------------------------------------------------

/** One token in one head, as others see it: a key [D] to find it by, and the value [D] that they get. */
type Pair = readonly [k: Tensor, v: Tensor];

/** T5's bucket of a distance: one each for 0 to 15, then 16 that grow logarithmically. The last has no end. */
function bucket(distance: number): number {
  return Math.min(31, distance < 16 ? distance : 16 + Math.floor((Math.log(distance / 16) / Math.log(128 / 16)) * 16));
}

/**
 * Attention of one query to pairs, in one head. With s = |scale|:
 *   score_j = q·k_j + bias[bucket(distance)]    p = softmax(s score)    y = Σ p_j v_j
 * Backward:
 *   dv_j = p_j dy    dl_j = p_j (dy·v_j − dy·y), where l = s score    ds = Σ dl_j score_j
 *   dq = s Σ dl_j k_j    dk_j = s dl_j q    dbias = s dl_j
 * The first `stored` pairs come from the memory and have no bias. The others are consecutive tokens, the query's own last.
 * q [D], scale [1], bias [32] → y [D]
 */
function attend([q, dq]: Tensor, [scale, dscale]: Tensor, [bias, dbias]: Tensor, pairs: Pair[], stored = 0): Tensor {
  const s = Math.abs(scale[0]);
  const at = (j: number) => bucket(pairs.length - 1 - j);
  const score = Float64Array.from(pairs, ([[k]], j) => dot(q, k) + (j < stored ? 0 : bias[at(j)]));
  const p = softmax(score.map((x) => s * x));
  const y = new Float64Array(q.length);
  for (const [j, [, [v]]] of pairs.entries()) for (let d = 0; d < y.length; d++) y[d] += p[j] * v[d];
  return node(y, (dy) => {
    const mean = dot(dy, y);
    for (const [j, [[k, dk], [v, dv]]] of pairs.entries()) {
      const dl = p[j] * (dot(dy, v) - mean);
      dscale[0] += Math.sign(scale[0]) * dl * score[j];
      if (j >= stored) dbias[at(j)] += s * dl;
      for (let d = 0; d < y.length; d++) {
        dq[d] += s * dl * k[d];
        dk[d] += s * dl * q[d];
        dv[d] += p[j] * dy[d];
      }
    }
  });
}

/**
 * First in, first out: returns the last `size` of the stored pairs and a segment's own.
 *
 * Gradients end here. A stored pair has the numbers of the original and a gradient of its own, which nobody reads. The original
 * belongs to a segment whose tape is gone. To follow it there, and from there to the pairs which that segment retrieved, every
 * step would have to keep and walk through the whole document. So a stored pair is a constant, like the text itself, and a
 * memory can be long. The model still learns to make keys worth finding, because local attention uses the originals.
 */
function append(stored: Pair[], segment: Pair[], size: number): Pair[] {
  const constants = segment.map(([[k], [v]]): Pair => [leaf(k), leaf(v)]);
  return [...stored, ...constants].slice(Math.max(0, stored.length + segment.length - size));
}

/**
 * Returns the K stored pairs with the largest q·k, best first, older before newer if equal. This is exact: it tries every key.
 * Which pairs these are has no gradient: it is a choice. How much each of them counts is up to `attend`, and that has one.
 */
function lookup([q]: Tensor, stored: Pair[], K: number): Pair[] {
  const best: [score: number, pair: Pair][] = [];
  for (const pair of stored) {
    const score = dot(q, pair[0][0]);
    let rank = best.length;
    while (rank > 0 && best[rank - 1][0] < score) rank--;
    if (rank < K) best.splice(rank, 0, [score, pair]);
    if (best.length > K) best.pop();
  }
  return best.map(([, pair]) => pair);
}

/**
 * y = g m + (1 − g) l with g = σ(b): the gate between memory m and local attention l, one learned number b for each head.
 * Backward: dm = g dy, dl = (1 − g) dy, db = g (1 − g) dy·(m − l). l, m [D], b [1]
 */
function blend([l, dl]: Tensor, [m, dm]: Tensor, [b, db]: Tensor): Tensor {
  const g = 1 / (1 + Math.exp(-b[0]));
  const y = m.map((value, i) => g * value + (1 - g) * l[i]);
  return node(y, (dy) => {
    for (let i = 0; i < y.length; i++) {
      dm[i] += g * dy[i];
      dl[i] += (1 - g) * dy[i];
      db[0] += g * (1 - g) * dy[i] * (m[i] - l[i]);
    }
  });
}

/** What a document leaves behind in one head. It begins with nothing. `lastKey` is the last key before smearing. */
type Past = { memory: Pair[]; cache: Pair[]; lastKey?: Tensor };

/** Head h of a layer, with room for `size` pairs in its memory. xs, T of [C] → what it adds to each token, T of [C]. */
function attentionHead({ C, D, W, K }: Config, w: Layer, h: number, xs: Tensor[], past: Past, size: number): Tensor[] {
  const [wq, wk, wv] = [w.q, w.k, w.v].map((matrix) => row(matrix, h, D * C)); // [D, C]
  const wo = row(w.o, h, C * D); // [C, D]: heads add up, which is the same as one matrix [C, H·D] over all of them
  const [scale, bias] = [row(w.scale, h, 1), row(w.bias, h, 32)];
  let keys = xs.map((x) => normalise(linear(wk, x)));
  if (w.smear) {
    // Smeared keys: k'_t = normalise(a k_t + (1 − a) k_{t−1}), a = σ(smear_h). Such a key also says which token came before.
    // So a single layer can ask what followed the present token last time. A document's first key stays as it is.
    const [plain, before] = [keys, past.lastKey ?? keys[0]];
    keys = plain.map((k, t) => normalise(blend(t > 0 ? plain[t - 1] : before, k, row(w.smear, h, 1))));
    past.lastKey = leaf(plain[plain.length - 1][0]);
  }
  const pairs = xs.map((x, t): Pair => [keys[t], linear(wv, x)]);
  const { memory, cache } = past; // as they were: a segment never retrieves itself
  past.memory = append(memory, pairs, size);
  past.cache = append(cache, pairs, W);
  return xs.map((x, t) => {
    const q = normalise(linear(wq, x));
    const end = cache.length + t + 1;
    const window = [...cache, ...pairs].slice(W > 0 ? Math.max(0, end - 1 - W) : 0, end);
    const nearest = lookup(q, memory, K);
    // Joint: one softmax over retrieved pairs and window. The paper's gate blends the answers of two.
    const either = () => attend(q, scale, bias, [...nearest, ...window], nearest.length);
    const both = () => blend(attend(q, scale, bias, window), attend(q, scale, bias, nearest, K), row(w.gate, h, 1));
    return linear(wo, w.gate && nearest.length > 0 ? both() : either());
  });
}

// ---- The model --------------------------------------------------------------------------------------------------------

/** Sizes by their letters. Layers count from 0; memoryLayer −1: no memory. `gated`: the paper's gate, otherwise joint. */
export type Config = Record<"V" | "C" | "L" | "H" | "D" | "F" | "T" | "W" | "M" | "K" | "memoryLayer", number> &
  Record<"gated" | "smeared", boolean>;

/** norm1, norm2 [C]; q, k, v [H, D, C]; o [H, C, D]; scale [H]; bias [H, 32]; up [F, C]; down [C, F]; maybe gate, smear [H] */
export type Layer = Record<string, Tensor>;

/** The embedding [V, C] is used twice: for the tokens that are read, and for those that are predicted. norm [C] */
export type Model = { config: Config; embedding: Tensor; layers: Layer[]; norm: Tensor };

/** What a document leaves behind, by layer and head. */
export type State = Past[][];
export const newState = ({ L, H }: Config): State =>
  Array.from({ length: L }, () => Array.from({ length: H }, () => ({ memory: [], cache: [] })));

/** First values: a matrix is N(0, 1 / inputs) cut at two standard deviations, the embedding is N(0, 1). */
export function newModel(config: Config, seed = 1): Model {
  const { V, C, L, H, D, F, memoryLayer, gated, smeared } = config;
  const random = () => (seed = (seed * 48271) % 0x7fffffff) / 0x7fffffff; // Park and Miller's generator
  const normal = () => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
  const truncated = (z = normal()): number => (Math.abs(z) > 2 ? truncated() : z);
  const matrix = (O: number, I: number) => leaf(new Float64Array(O * I).map(() => truncated() / Math.sqrt(I)));
  const filled = (n: number, value: number) => leaf(new Float64Array(n).fill(value));
  const layers = Array.from({ length: L }, (_, l) => {
    const w: Layer = { norm1: filled(C, 1), norm2: filled(C, 1), scale: filled(H, 8), bias: filled(H * 32, 0) };
    for (const name of ["q", "k", "v"]) w[name] = matrix(H * D, C);
    [w.o, w.up, w.down] = [matrix(C, H * D), matrix(F, C), matrix(C, F)];
    if (l === memoryLayer && gated) w.gate = filled(H, 0);
    if (l === memoryLayer && smeared) w.smear = filled(H, 0);
    return w;
  });
  return { config, embedding: leaf(new Float64Array(V * C).map(normal)), layers, norm: filled(C, 1) };
}

/** Returns logits [V] for the token after each of a document's next tokens, at most T. Afterwards `state` remembers them. */
export function forward({ config, embedding, layers, norm }: Model, ids: readonly number[], state: State): Tensor[] {
  const { C, M, memoryLayer } = config;
  let xs = ids.map((id) => row(embedding, id, C)); // T of [C]
  for (const [l, w] of layers.entries()) {
    const normed = xs.map((x) => rmsNorm(x, w.norm1));
    for (const [h, past] of state[l].entries()) {
      const ys = attentionHead(config, w, h, normed, past, l === memoryLayer ? M : 0);
      xs = xs.map((x, t) => add(x, ys[t]));
    }
    xs = xs.map((x) => add(x, linear(w.down, relu(linear(w.up, rmsNorm(x, w.norm2))))));
  }
  return xs.map((x) => linear(embedding, rmsNorm(x, norm), 1 / Math.sqrt(C)));
}

// ---- Training ---------------------------------------------------------------------------------------------------------

/**
 * Reads n + 1 tokens each of B documents, n ≤ T, and predicts all but the first. Documents do not see each other, so they are
 * read in turn, and their gradients add up. Returns the mean loss in nats; adds its gradients unless `learn` is false.
 */
export function accumulate(model: Model, batch: { ids: readonly number[]; state: State }[], learn = true): number {
  const count = batch.reduce((sum, { ids }) => sum + ids.length - 1, 0);
  let nats = 0;
  for (const { ids, state } of batch) {
    const logits = forward(model, ids.slice(0, -1), state);
    nats += logits.reduce((sum, x, t) => sum + crossEntropy(x, ids[t + 1], count), 0);
    if (learn) backward();
    tape.length = 0;
  }
  return nats / count;
}

/**
 * AdamW (Loshchilov and Hutter 2019), on gradients that are first scaled, all by one factor, to a norm of at most `clip`:
 *   m = β1 m + (1 − β1) g    v = β2 v + (1 − β2) g²    p −= lr (m / (1 − β1ᵗ) / (√(v / (1 − β2ᵗ)) + eps) + decay p)
 * Only matrices decay. Returns a function that makes step t = 1, 2, … at a learning rate and then zeroes the gradients.
 */
export function adamW(model: Model, { beta1 = 0.9, beta2 = 0.98, eps = 1e-8, decay = 0.01, clip = 1 } = {}) {
  const { embedding, norm, layers } = model;
  const all = [{ embedding, norm }, ...layers].flatMap((w: Layer) => Object.entries(w));
  const trained = all.map(([name, [p, g]]) => {
    return { p, g, m: p.map(() => 0), v: p.map(() => 0), shrink: /^(q|k|v|o|up|down)$/.test(name) ? decay : 0 };
  });
  let t = 0;
  return (lr: number): void => {
    const length = Math.sqrt(trained.reduce((sum, { g }) => sum + dot(g, g), 0));
    const [factor, sum1, sum2] = [Math.min(1, clip / length), 1 - beta1 ** ++t, 1 - beta2 ** t];
    for (const { p, g, m, v, shrink } of trained) {
      for (let i = 0; i < p.length; i++) {
        m[i] = beta1 * m[i] + (1 - beta1) * g[i] * factor;
        v[i] = beta2 * v[i] + (1 - beta2) * (g[i] * factor) ** 2;
        p[i] -= lr * (m[i] / sum1 / (Math.sqrt(v[i] / sum2) + eps) + shrink * p[i]);
      }
      g.fill(0);
    }
  };
}

// ---- A minute of training, on a text of your own ----------------------------------------------------------------------

/** The segments of a document. They overlap by a token, so that every token but the first is predicted once. */
function segmentsOf(document: readonly number[], config: Config) {
  const [{ T }, state] = [config, newState(config)];
  const count = Math.ceil((document.length - 1) / T);
  return Array.from({ length: count }, (_, i) => ({ ids: document.slice(i * T, (i + 1) * T + 1), state }));
}

/**
 * A minute is too short to discover that looking back pays, so four things start where longer training would bring them. The first
 * layer's heads look one and two bytes back. In the memory layer a token's query equals its key, keys are mostly those of the
 * token before (a = σ(−3) = 0.05), and only the best matches count. So a query retrieves what followed the same bytes before.
 */
function giveHeadStart({ config, layers }: Model): void {
  const { q, k, smear, scale } = layers[config.memoryLayer];
  for (let h = 0; h < config.H; h++) layers[0].bias[0][h * 32 + h + 1] = 1.5;
  q[0].set(k[0]);
  smear[0].fill(-3);
  scale[0].fill(16);
}

/** Trains two models, which differ only in memory size, on all but the end of a text, and compares them on that end. */
function main(path: string, steps: number): void {
  const text = statSync(path, { throwIfNoEntry: false })?.isFile() ? [...readFileSync(path)] : [];
  if (text.length < 1000 || !(steps >= 1)) {
    console.error("usage: memorizing-transformer TEXT [STEPS], where TEXT is a file of 1,000 bytes or more");
    process.exit(1);
  }
  const end = text.splice(-Math.min(4096, Math.ceil(text.length / 10)));
  const quarters = [0, 1, 2, 3].map((b) => text.slice((b * text.length) / 4, ((b + 1) * text.length) / 4)); // B = 4
  const sizes = { V: 256, C: 48, L: 2, H: 2, D: 24, F: 96, T: 32, W: 0, M: 1024, K: 8 };
  const config: Config = { ...sizes, memoryLayer: 1, gated: false, smeared: true };
  const twins = [0, config.M].map((M) => {
    const model = newModel({ ...config, M });
    giveHeadStart(model);
    return { model, update: adamW(model), rows: quarters.map(() => segmentsOf([], config)), loss: 0 };
  });
  const print = (title: string, losses: number[]) =>
    console.log(title.padEnd(22) + losses.map((loss) => loss.toFixed(3).padStart(18)).join(""));
  console.log("nats a byte               without memory       with memory");
  for (let step = 1; step <= steps; step++) {
    for (const twin of twins) {
      for (const [b, row] of twin.rows.entries()) if (row.length === 0) row.push(...segmentsOf(quarters[b], config));
      const batch = twin.rows.flatMap((row) => row.splice(0, 1));
      twin.loss += (accumulate(twin.model, batch) - twin.loss) / Math.min(step, 20); // a mean of some 20 steps
      twin.update(5e-3 * Math.min(1, step / 50) * (0.55 + 0.45 * Math.cos((Math.PI * step) / steps)));
    }
    const losses = twins.map(({ loss }) => loss);
    if (step % 10 === 0 || step === steps) print(`step ${step} of ${steps}`, losses);
  }
  console.log(`the last ${end.length} bytes, which neither model has seen:`);
  const evaluate = (model: Model, M: number) =>
    accumulate({ ...model, config: { ...config, M } }, segmentsOf(end, config), false);
  const without = evaluate(twins[0].model, 0);
  for (const M of [256, 1024, 4096]) print(`M = ${M}`, [without, evaluate(twins[1].model, M)]);
}

const [script = "", path = "", steps = "200"] = process.argv.slice(1);
if (import.meta.url.endsWith(`/${script.split(/[\\/]/).pop()}`)) main(path, Number(steps));
