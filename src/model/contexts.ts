/** The context of each layer: the keys and values of the tokens that it can attend to, those of a cache and of the current segment. */
import type { PrecedingKeys } from "../autodiff/ops/norm.ts";
import { NotFiniteError } from "../autodiff/tape.ts";
import { type PersistentTensor, persistentTensor } from "../autodiff/tensor.ts";
import type { Releasable } from "../base/lifetime.ts";
import { kernels } from "../wasm/runtime.ts";

/** What one layer keeps of the text: [B, capacity, H·D]. */
export interface LayerPairs {
  readonly keys: PersistentTensor;
  readonly values: PersistentTensor;
  /** The keys of the tokens read last, where keys are smeared. */
  readonly preceding:
    | (PrecedingKeys & { readonly keys: PersistentTensor; readonly latest: PersistentTensor })
    | undefined;
}

/** Allocates a layer's keys and values, [B, capacity, H·D]. `begun` [B] says in which rows the keys of a token before are known. */
export function layerPairs(
  [rows, capacity, floats]: readonly [number, number, number],
  smeared: boolean,
  begun: Int32Array,
  own: <T extends Releasable>(part: T) => T,
): LayerPairs {
  const [keys, values] = [0, 1].map(() => own(persistentTensor([rows, capacity, floats])));
  if (!smeared) return { keys, values, preceding: undefined };
  const [before, latest] = [0, 1].map(() => own(persistentTensor([rows, floats])));
  return { keys, values, preceding: { keys: before, known: begun, latest } };
}

/** The contexts of a state now. */
export interface Contexts {
  /** B */
  readonly rows: number;
  readonly layers: readonly LayerPairs[];
  /** Positions of a context, and those before the next token. */
  readonly capacity: number;
  readonly filled: number;
  /** H·D, numbers of a key or value. */
  readonly floats: number;
}

/**
 * Refuses keys and values of the next `count` tokens in a layer that are not finite, because neither a file nor a search can handle them.
 * @throws NotFiniteError that names the layer
 */
export function requireFinitePairs(contexts: Contexts, layer: number, count: number): void {
  const { rows, layers, capacity, filled, floats } = contexts;
  const { keys, values } = layers[layer];
  for (let row = 0; row < rows; row++) {
    const at = (row * capacity + filled) * floats * 4;
    if ([keys, values].every(({ ptr }) => kernels.all_finite(ptr + at, count * floats))) continue;
    throw new NotFiniteError(`the keys or values of layer ${layer} are not finite; the model's weights are damaged`);
  }
}

/** Moves the positions from `from + by` to the end to `from`, in every row of every context. */
export function rollContexts({ rows, layers, capacity, floats }: Contexts, from: number, by: number): void {
  const bytes = (capacity - from - by) * floats * 4;
  for (const pairs of layers) {
    for (const { ptr } of [pairs.keys, pairs.values]) {
      for (let row = 0; row < rows; row++) {
        const at = ptr + (row * capacity + from) * floats * 4;
        kernels.move(at, at + by * floats * 4, bytes);
      }
    }
  }
}
