/** The perplexity of documents that are given whole: a mechanism that reads twice has then seen all of a token's document, later tokens too. */
import { noGrad, step } from "../../autodiff/tape.ts";
import { perplexityOf } from "../../base/perplexity.ts";
import type { TokenizedDocument } from "../../data/corpus.ts";
import { mechanismOf } from "../../mechanisms/list.ts";
import { targetLosses } from "../../model/losses.ts";
import type { ModelState } from "../../model/state.ts";
import type { Transformer } from "../../model/transformer.ts";
import { goOn } from "../lab/go-on.ts";

/** Whether the model's mechanism can read a document again that it has read whole. */
export function readsAgain({ config }: Transformer): boolean {
  return mechanismOf(config)?.parts.readAgain !== undefined;
}

/**
 * Returns the perplexity of the documents' first `tokens` tokens at the second reading. It is not that of a prediction: each token was
 * read with summaries of the blocks that follow it, and of its own.
 */
export async function perplexityReadAgain(
  model: Transformer,
  documents: readonly TokenizedDocument[],
  tokens: number,
  signal?: AbortSignal,
): Promise<number> {
  let [nats, count] = [0, 0];
  for (const document of documents) {
    const ids = document.tokens().subarray(0, tokens + 1);
    if (ids.length < 2) continue;
    nats += natsReadAgain(model, ids);
    count += ids.length - 1;
    await goOn(signal);
  }
  return perplexityOf(nats / count);
}

function natsReadAgain(model: Transformer, ids: Int32Array): number {
  const state = model.newState({ rows: 1 });
  try {
    const end = ids.length - 1;
    for (const [from, to] of segmentsOf(end, state)) {
      step(() => noGrad(() => void model.hidden({ ids: ids.subarray(from, to) }, state)));
    }
    state.readAgain();
    const sums = segmentsOf(end, state).map(([from, to]) => {
      const losses = targetLosses(model, { ids: ids.subarray(from, to) }, ids.subarray(from + 1, to + 1), state);
      return losses.reduce((sum, loss) => sum + loss, 0);
    });
    return sums.reduce((sum, loss) => sum + loss, 0);
  } finally {
    state.release();
  }
}

/** The segments of `end` tokens, as [from, to). */
function segmentsOf(end: number, { segmentLength }: ModelState): [number, number][] {
  return Array.from({ length: Math.ceil(end / segmentLength) }, (_, n) => {
    return [n * segmentLength, Math.min((n + 1) * segmentLength, end)];
  });
}
