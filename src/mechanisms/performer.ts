/**
 * Performer (Choromanski et al. 2021, FAVOR+): linear attention whose features estimate softmax's exponentials, e^(q·k), by positive random
 * features along orthogonal directions.
 *
 * The published programs subtract the largest exponent of the whole sequence, through which the future enters. Here nothing is
 * subtracted: ops/features.ts has the bound that makes it unnecessary. The directions are drawn once, from the number of the layer; the
 * paper draws new ones in training.
 */
import { randomFeatures } from "../autodiff/ops/features.ts";
import { linearAttention } from "../autodiff/ops/linear-attention.ts";
import { tensor } from "../autodiff/tensor.ts";
import { Random } from "../base/random.ts";
import { advanceLinear, carriedLinear, linearStateOf } from "./linear-state.ts";
import type { AttentionMechanism } from "./mechanism.ts";

/** Added to denominators, which are sums of features that may all be small. */
const EPS = 1e-30;

export const performer: AttentionMechanism = {
  about: "Performer, FAVOR+ (Choromanski et al. 2021)",
  settings: ["mechanism_features"],
  past: () => 0,
  carries: (sizes) => carriedLinear(sizes, sizes.mechanism_features, "sum"),
  attend: ({ q, k, v, scale }, layer) => {
    const { mechanism_features: features, head_dim: width } = layer.sizes;
    const projection = tensor(directions(features, width, layer.layer), [features, width]);
    const [phiQ, phiK] = [q, k].map((x) => randomFeatures(x, scale, projection)); // [B, n, H·D] → [B, n, H·m]
    return linearAttention(phiQ, phiK, v, linearStateOf(layer), "sum", EPS);
  },
  afterTokens: advanceLinear,
};

const drawn = new Map<string, Float32Array>();

/** Returns `features` directions of `width` numbers, orthogonal within each group of `width`, with the lengths of normal vectors. */
export function directions(features: number, width: number, seed: number): Float32Array {
  const name = [features, width, seed].join();
  let found = drawn.get(name);
  if (found === undefined) {
    found = draw(features, width, new Random(seed));
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
