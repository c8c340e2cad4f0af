/**
 * Mixes a model with a copying method: p = (1 − λ) p_model + λ p_votes. Sharpness and λ are tuned on the validation
 * documents; the test documents are read with them once.
 */

import { perplexityOf } from "../../base/perplexity.ts";
import type { TokenizedDocument } from "../../data/corpus.ts";
import type { Transformer } from "../../model/transformer.ts";
import type { TrainedCell } from "../lab/experiment.ts";
import { goOn } from "../lab/go-on.ts";
import { type CopyingMethod, meanSquare, SHARPNESSES, votes } from "./copying.ts";
import { type HiddenDocument, readHidden } from "./read-hidden.ts";

/** Values of λ to try. */
const LAMBDAS = [0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5];

export interface Mixture {
  readonly sharpness: number;
  readonly lambda: number;
  readonly validPerplexity: number;
  readonly perplexity: number;
}

/** Tunes `method` on valid and measures it on test. */
export async function mixture(trained: TrainedCell, method: CopyingMethod): Promise<Mixture> {
  const { model, corpus, evalTokens } = trained;
  const scale = scaleOf(model, corpus.valid, evalTokens, method);
  const valid = await mixedNats(trained, corpus.valid, method, scale);
  const best = valid.nats.indexOf(Math.min(...valid.nats));
  const test = await mixedNats(trained, corpus.test, method, scale);
  return {
    sharpness: SHARPNESSES[Math.floor(best / LAMBDAS.length)],
    lambda: LAMBDAS[best % LAMBDAS.length],
    validPerplexity: perplexityOf(valid.nats[best] / valid.tokens),
    perplexity: perplexityOf(test.nats[best] / test.tokens),
  };
}

/** Returns the unit of affinities: the mean squared norm in the first validation document. */
function scaleOf(
  model: Transformer,
  [first]: readonly TokenizedDocument[],
  evalTokens: number,
  method: CopyingMethod,
): number {
  return meanSquare([readHidden(model, first, evalTokens)], method);
}

/** Returns −ln p summed over all tokens, for every pair of sharpness and λ. */
async function mixedNats(
  { model, evalTokens, signal }: TrainedCell,
  documents: readonly TokenizedDocument[],
  method: CopyingMethod,
  scale: number,
): Promise<{ nats: number[]; tokens: number }> {
  const nats = new Array<number>(SHARPNESSES.length * LAMBDAS.length).fill(0);
  let tokens = 0;
  for (const document of documents) {
    const read = readHidden(model, document, evalTokens);
    tokens += read.targets.length;
    for (const [s, shares] of votes(read, method, scale).entries()) {
      for (const [l, lambda] of LAMBDAS.entries()) nats[s * LAMBDAS.length + l] += mixedLoss(read, shares, lambda);
    }
    await goOn(signal);
  }
  return { nats, tokens };
}

/** Returns −ln p summed over a document. No place can vote on its first token, which is the model's alone. */
function mixedLoss({ probabilities }: HiddenDocument, shares: Float64Array, lambda: number): number {
  return probabilities.reduce((sum, probability, i) => {
    const mixed = i === 0 ? probability : (1 - lambda) * probability + lambda * shares[i];
    return sum - Math.log(mixed);
  }, 0);
}
