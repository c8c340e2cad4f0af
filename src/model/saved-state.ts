/** The parts of a state by the names that they have in a checkpoint. */
import type { PrecedingKeys } from "../autodiff/ops/norm.ts";
import type { PersistentTensor } from "../autodiff/tensor.ts";
import type { KvMemory } from "../memory/memory.ts";
import { heap } from "../wasm/runtime.ts";

/** What one layer keeps of the text: [B, capacity, H·D]. */
export interface LayerPairs {
  readonly keys: PersistentTensor;
  readonly values: PersistentTensor;
  /** The keys of the tokens read last, where keys are smeared. */
  readonly preceding:
    | (PrecedingKeys & { readonly keys: PersistentTensor; readonly latest: PersistentTensor })
    | undefined;
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
