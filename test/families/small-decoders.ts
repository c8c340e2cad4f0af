/** Decoders with random weights, small enough for any test. */
import { noGrad, step } from "../../src/autodiff/tape.ts";
import { Random } from "../../src/base/random.ts";
import type { Architecture } from "../../src/families/architecture.ts";
import { Decoder } from "../../src/families/decoder.ts";
import type { DecoderState } from "../../src/families/decoder-state.ts";
import { declareWeights, Weights } from "../../src/families/weights.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import { describe, type smallConfigs } from "./golden-models.ts";

/** A decoder of a family with changes to its small configuration. Its weights are large, so that mistakes show. */
export function smallDecoder(
  family: keyof typeof smallConfigs,
  changes: Record<string, unknown> = {},
  seed = 3,
): Decoder {
  const architecture: Architecture = describe(family, changes);
  const declarations = declareWeights(architecture);
  const parameters = new Parameters(declarations);
  const random = new Random(seed);
  for (const { name } of declarations) {
    if (name.endsWith("memory_offset")) continue;
    const tensor = parameters.get(name);
    const shift = /norm\.weight$/.test(name) ? 1 : 0;
    tensor.set(Float32Array.from({ length: tensor.size }, () => shift + 0.4 * random.normal()));
  }
  return new Decoder(architecture, new Weights(architecture, parameters));
}

/** Random tokens of the small vocabulary. */
export function randomTokens(count: number, seed = 1): Int32Array {
  const random = new Random(seed);
  return Int32Array.from({ length: count }, () => Math.floor(random.next() * 5));
}

/** Reads ids [B, n] into the state, at most `most` of each row at a time; returns logits [B][n, V]. */
export function logitsOf(
  model: Decoder,
  state: DecoderState,
  rows: readonly Int32Array[],
  most = Infinity,
): Float32Array[] {
  const { vocabulary } = model.architecture;
  const [count] = rows.map(({ length }) => length);
  const logits = rows.map(() => new Float32Array(count * vocabulary));
  for (let at = 0; at < count; ) {
    const n = Math.min(most, state.room, count - at);
    const ids = Int32Array.from(rows.flatMap((row) => [...row.subarray(at, at + n)]));
    const read = step(() => noGrad(() => model.forward({ ids }, state).toArray()));
    for (const [row, all] of logits.entries()) {
      all.set(read.subarray(row * n * vocabulary, (row + 1) * n * vocabulary), at * vocabulary);
    }
    at += n;
  }
  return logits;
}
