/**
 * Performer (Choromanski et al. 2021, FAVOR+): linear attention whose features estimate softmax's exponentials, e^(q·k), by positive random
 * features along orthogonal directions.
 *
 * The published programs subtract the largest exponent of the whole sequence, through which the future enters. Here nothing is
 * subtracted: ops/features.ts has the bound that makes it unnecessary. The directions are drawn once, from the number of the layer, or as in
 * the paper now and then in training. Then their seed is a parameter that no gradient reaches, so the model's file tells them, and the sums
 * that are carried, which were made with other directions, are dropped.
 */
import { randomFeatures } from "../autodiff/ops/features.ts";
import { linearAttention } from "../autodiff/ops/linear-attention.ts";
import { tensor } from "../autodiff/tensor.ts";
import { Random } from "../base/random.ts";
import { advanceLinear, carriedLinear, linearStateOf } from "./linear-state.ts";
import type { AttentionMechanism, LearningLayer } from "./mechanism.ts";

/** Added to denominators, which are sums of features that may all be small. */
const EPS = 1e-30;

export const performer: AttentionMechanism = {
  about: "Performer, FAVOR+ (Choromanski et al. 2021)",
  settings: ["mechanism_features", "mechanism_redraw"],
  past: () => 0,
  parameters: ({ mechanism_redraw: interval }) =>
    interval === 0 ? [] : [{ name: SEED, shape: [1], group: "attention", initial: drawSeed }],
  carries: (sizes) => carriedLinear(sizes, sizes.mechanism_features, "sum"),
  attend: ({ q, k, v, scale }, layer) => {
    const { mechanism_features: features, head_dim: width } = layer.sizes;
    const projection = tensor(directions(features, width, seedOf(layer)), [features, width]);
    const [phiQ, phiK] = [q, k].map((x) => randomFeatures(x, scale, projection)); // [B, n, H·D] → [B, n, H·m]
    return linearAttention(phiQ, phiK, v, linearStateOf(layer), "sum", EPS);
  },
  afterTokens: advanceLinear,
  beforeStep: ({ sizes: { mechanism_redraw: interval }, parameter }, steps, random) => {
    if (interval === 0 || steps === 0 || steps % interval > 0) return false;
    parameter(SEED).fill(drawSeed(random));
    return true;
  },
};

const SEED = "directions.seed";

/** A whole number that float32 holds exactly. */
function drawSeed(random: Random): number {
  return random.uint32() >>> 8;
}

/** The seed of a layer's directions. */
function seedOf({ sizes, layer, parameter }: LearningLayer): number {
  return sizes.mechanism_redraw === 0 ? layer : Math.round(parameter(SEED).item());
}

const drawn = new Map<string, Float32Array>();
/** Directions that are kept. With more, all are forgotten, since those of earlier steps do not return. */
const MOST_DRAWN = 256;

/** Returns `features` directions of `width` numbers, orthogonal within each group of `width`, with the lengths of normal vectors. */
export function directions(features: number, width: number, seed: number): Float32Array {
  const name = [features, width, seed].join();
  let found = drawn.get(name);
  if (found === undefined) {
    found = draw(features, width, new Random(seed));
    if (drawn.size === MOST_DRAWN) drawn.clear();
    drawn.set(name, found);
  }
  return found;
}

function draw(features: number, width: number, random: Random): Float32Array {
  const vector = () => Array.from({ length: width }, () => random.normal());
  const all: number[][] = [];
  while (all.length < features) all.push(...orthonormal(Array.from({ length: width }, vector)));
  return Float32Array.from(all.slice(0, features).flatMap((unit) => scaled(unit, length(vector()))));
}

/** Gram and Schmidt. */
function orthonormal(vectors: readonly number[][]): number[][] {
  const done: number[][] = [];
  for (const vector of vectors) {
    let rest = vector;
    for (const unit of done) {
      const along = dot(rest, unit);
      rest = rest.map((x, i) => x - along * unit[i]);
    }
    done.push(scaled(rest, 1 / length(rest)));
  }
  return done;
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, x, i) => sum + x * b[i], 0);
}

function length(vector: readonly number[]): number {
  return Math.sqrt(dot(vector, vector));
}

function scaled(vector: readonly number[], factor: number): number[] {
  return vector.map((x) => x * factor);
}
