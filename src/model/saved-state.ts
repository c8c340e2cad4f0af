/** What a state keeps of each layer, and its parts by the names that they have in a checkpoint. */
import type { PrecedingKeys } from "../autodiff/ops/norm.ts";
import { NotFiniteError } from "../autodiff/tape.ts";
import { type PersistentTensor, persistentTensor } from "../autodiff/tensor.ts";
import type { Releasable } from "../base/lifetime.ts";
import type { KvMemory } from "../memory/memory.ts";
import { heap, kernels } from "../wasm/runtime.ts";

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
export interface ContextParts {
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
export function requireFinitePairs(parts: ContextParts, layer: number, count: number): void {
  const { rows, layers, capacity, filled, floats } = parts;
  const { keys, values } = layers[layer];
  for (let row = 0; row < rows; row++) {
    const at = (row * capacity + filled) * floats * 4;
    if ([keys, values].every(({ ptr }) => kernels.all_finite(ptr + at, count * floats))) continue;
    throw new NotFiniteError(`the keys or values of layer ${layer} are not finite; the model's weights are damaged`);
  }
}

/** Views of the filled part of every row's contexts, by name. Valid until the next allocation. */
export function* contextRows(parts: ContextParts, prefix: string): Generator<[name: string, view: Float32Array]> {
  const { rows, layers, capacity, filled, floats } = parts;
  for (const [layer, pairs] of layers.entries()) {
    for (let row = 0; row < rows; row++) {
      const at = row * capacity * floats * 4;
      for (const kind of ["keys", "values"] as const) {
        yield [`${prefix}layers.${layer}.row.${row}.${kind}`, heap.f32(pairs[kind].ptr + at, filled * floats)];
      }
    }
  }
}

/** Each layer's last keys where they are smeared, by name. */
export function precedingKeys(layers: readonly LayerPairs[], prefix: string): [name: string, keys: PersistentTensor][] {
  return layers.flatMap(({ preceding }, layer): [string, PersistentTensor][] =>
    preceding === undefined ? [] : [[`${prefix}layers.${layer}.preceding_keys`, preceding.keys]],
  );
}

/** Every row of every memory, by name. */
export function* memoryRows(
  { rows, memories }: { readonly rows: number; readonly memories: ReadonlyMap<number, KvMemory> },
  prefix: string,
): Generator<[name: string, memory: KvMemory, row: number]> {
  for (const [layer, memory] of memories) {
    for (let row = 0; row < rows; row++) yield [`${prefix}memories.${layer}.row.${row}`, memory, row];
  }
}
