/** Declarations of parameters that models share, with their first values (ALGORITHM.md, section 2). */
import type { Random } from "../base/random.ts";
import type { Declaration } from "./parameters.ts";

/** N(0, σ²) cut at ±2σ, σ = 1/√fanIn. */
function truncatedNormal(fanIn: number): (random: Random) => number {
  const deviation = 1 / Math.sqrt(fanIn);
  return (random) => {
    let z = random.normal();
    while (Math.abs(z) > 2) z = random.normal();
    return z * deviation;
  };
}

export function constant(value: number): () => number {
  return () => value;
}

/** A weight [outputs, inputs] of a linear layer y = x Wᵀ. */
export function matrix(name: string, outputs: number, inputs: number): Declaration {
  return { name, shape: [outputs, inputs], group: "matrices", initial: truncatedNormal(inputs) };
}

/** The scale [width] of a norm. */
export function norm(name: string, width: number): Declaration {
  return { name, shape: [width], group: "norms", initial: constant(1) };
}
