/** SmolLM2-135M-Instruct from its GGUF file, and how it reads a text: losses token by token in several settings. */
import { crossEntropy } from "../../src/autodiff/ops/vocabulary.ts";
import { noGrad, step } from "../../src/autodiff/tape.ts";
import { Decoder } from "../../src/families/decoder.ts";
import { loadForeign } from "../../src/families/load-foreign.ts";
import type { ReadingSettings } from "../../src/families/reading-settings.ts";
import type { WeightKind } from "../../src/families/weight-kinds.ts";
import { keptWeights } from "../../src/families/weights.ts";

/** The settings of the golden file, by the name of their losses. All have segments of 256 tokens, and keys in all layers. */
export const settings: Readonly<Record<string, Partial<ReadingSettings>>> = {
  loss_full: { segment: 256, window: 3840, memorySize: 0, sinks: 0 },
  loss_window: { segment: 256, window: 512, memorySize: 0, sinks: 4 },
  loss_memory: { segment: 256, window: 512, memorySize: 4096, neighbours: 32, reach: 4096 },
  loss_memory_1024_k8: { segment: 256, window: 512, memorySize: 1024, neighbours: 8, reach: 4096 },
};

/** The model, its weights kept as `kind`. */
export function openSmolLM2(path: string, kind: WeightKind): Decoder {
  const { architecture, parameters } = loadForeign(path);
  return new Decoder(architecture, keptWeights(architecture, parameters, kind));
}

/** −ln p of every token but the first, [n − 1]. `onSegment` is told how many tokens were read. */
export function lossesOf(
  model: Decoder,
  ids: Int32Array,
  reading: Partial<ReadingSettings>,
  onSegment: (read: number) => void = () => {},
): Float32Array {
  using state = model.newState({ rows: 1, ...reading });
  const losses = new Float32Array(ids.length - 1);
  for (let at = 0; at < losses.length; ) {
    const count = Math.min(state.room, losses.length - at);
    const [part, targets] = [ids.slice(at, at + count), ids.slice(at + 1, at + count + 1)];
    losses.set(
      step(() => noGrad(() => crossEntropy(model.forward({ ids: part }, state), targets).nats.toArray())),
      at,
    );
    at += count;
    onSegment(at);
  }
  return losses;
}

/** Mean of the losses from the `from`-th on. */
export function meanFrom(losses: Float32Array, from = 0): number {
  const counted = losses.subarray(from);
  return counted.reduce((sum, loss) => sum + loss, 0) / counted.length;
}
