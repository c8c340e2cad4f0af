/** Mixing predictions with votes in plain TypeScript and double precision, one loop per sum sign. */

/** The sizes of a mixture, and which tokens vote. */
export interface VotesCase {
  rows: number;
  segment: number;
  heads: number;
  topk: number;
  vocabulary: number;
  /** Valid pairs of each row's K. */
  counts: number[];
  /** The token of each pair, [B, T, H, K]. */
  tokens: ArrayLike<number>;
}

/** ln p of p = π_0 softmax(z) + Σ_h π_h Σ_k r_hk [token of pair k], or z where nothing votes. */
export function mixedVotes(given: VotesCase, z: Float64Array, mix: Float64Array, weights: Float64Array): Float64Array {
  const { rows, segment, heads, topk, vocabulary, counts, tokens } = given;
  const y = z.slice();
  for (let row = 0; row < rows * segment; row++) {
    const count = counts[Math.floor(row / segment)];
    if (count === 0) continue;
    const logits = z.subarray(row * vocabulary, (row + 1) * vocabulary);
    const [own, ...shares] = softmax([0, ...mix.subarray(row * heads, (row + 1) * heads)]);
    const p = softmax(logits).map((probability) => own * probability);
    for (const [head, share] of shares.entries()) {
      for (let k = 0; k < count; k++) {
        const at = (row * heads + head) * topk + k;
        p[tokens[at]] += share * weights[at];
      }
    }
    y.set(p.map(Math.log), row * vocabulary);
  }
  return y;
}

function softmax(logits: ArrayLike<number>): number[] {
  const numbers = Array.from(logits);
  const most = Math.max(...numbers);
  const powers = numbers.map((logit) => Math.exp(logit - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
