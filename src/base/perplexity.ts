/** Perplexity, the number that reports are about. */
import { exp } from "./portable-math.ts";

/**
 * exp(nats), of a mean loss; at most the largest number there is, 1.8e308, since it is written as JSON, which has no
 * infinity. Losses that large, above 709 nats, are those of a model that has diverged; bits per byte tell them apart.
 */
export function perplexityOf(nats: number): number {
  return Math.min(exp(nats), Number.MAX_VALUE);
}
