/**
 * A document as a model reads it: for each token the last hidden state and the probability of the next token. The neural
 * cache and the kNN language model need them to copy from earlier places with similar states.
 */
import { rmsNorm } from "../../autodiff/ops/norm.ts";
import { crossEntropy } from "../../autodiff/ops/vocabulary.ts";
import { noGrad, step } from "../../autodiff/tape.ts";
import type { TokenizedDocument } from "../../data/corpus.ts";
import type { Transformer } from "../../model/transformer.ts";

/** A document of n predictions; the state in row i predicts `targets[i]`. */
export interface HiddenDocument {
  readonly targets: Int32Array; // [n]
  /** p(target) by the model alone. */
  readonly probabilities: Float64Array; // [n]
  /** The residual stream after the last block. */
  readonly residual: Float32Array; // [n, C]
  /** The softmax's input: `residual` after the final norm. */
  readonly output: Float32Array; // [n, C]
}

/** Reads the first `tokens` predictions of the document, with the memory that the model's configuration has. */
export function readHidden(model: Transformer, document: TokenizedDocument, tokens: number): HiddenDocument {
  const ids = document.tokens().subarray(0, tokens + 1);
  const { hidden_size: width, segment_length: segment, rms_norm_eps: eps } = model.config;
  const count = Math.max(0, ids.length - 1);
  const targets = ids.subarray(1);
  const probabilities = new Float64Array(count);
  const [residual, output] = [new Float32Array(count * width), new Float32Array(count * width)];
  const state = model.newState({ rows: 1 });
  try {
    for (let at = 0; at < count; at += segment) {
      const end = Math.min(at + segment, count);
      const read = () => {
        const { hidden: x, logits } = model.predict({ ids: ids.subarray(at, end) }, state); // [1, T, C], [1, T, V]
        residual.set(x.toArray(), at * width);
        output.set(rmsNorm(x, model.parameters.get("model.norm.weight"), eps).toArray(), at * width);
        return crossEntropy(logits, targets.subarray(at, end)).nats.toArray(); // [T]
      };
      const nats = step(() => noGrad(read));
      probabilities.set(
        Float64Array.from(nats, (loss) => Math.exp(-loss)),
        at,
      );
    }
  } finally {
    state.release();
  }
  return { targets, probabilities, residual, output };
}
