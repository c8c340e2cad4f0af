/**
 * The outer step of DiLoCo (Douillard et al. 2023, algorithm 1): the workers began at θ and arrived at θᵢ; the mean of θ − θᵢ is taken for a
 * gradient, and moves θ by Nesterov's method. Everything is summed in float64, in the order in which the arrivals are given, so the same
 * arrivals give the same bits.
 */

/** How far an outer step goes. The paper's: rate 0.7, momentum 0.9. */
export interface OuterOptions {
  readonly rate: number;
  readonly momentum: number;
}

/** Where a worker arrived. */
export interface Arrival {
  /** Its part in the mean, such as its number of rows. */
  readonly weight: number;
  /** θᵢ, one number for each parameter. */
  readonly weights: Float32Array;
}

/**
 * Moves `weights` (θ) and `velocity` in place: v ← μ·v + Δ, θ ← θ − η·(Δ + μ·v), where Δ = Σ wᵢ (θ − θᵢ) / Σ wᵢ. With η = 1, μ = 0 and one
 * arrival, θ becomes θ₁.
 */
export function outerStep(
  weights: Float32Array,
  velocity: Float32Array,
  arrivals: readonly Arrival[],
  { rate, momentum }: OuterOptions,
): void {
  const total = arrivals.reduce((sum, { weight }) => sum + weight, 0);
  for (let i = 0; i < weights.length; i++) {
    let sum = 0;
    for (const { weight, weights: arrived } of arrivals) sum += (weight / total) * (weights[i] - arrived[i]);
    velocity[i] = momentum * velocity[i] + sum;
    weights[i] -= rate * (sum + momentum * velocity[i]);
  }
}
