/** The parts of a state by the names that they have in a checkpoint. */
import type { PersistentTensor } from "../autodiff/tensor.ts";
import { floatTensor, integerTensor, type StoredTensor } from "../formats/safetensors.ts";
import type { TensorReader } from "../formats/tensor-reader.ts";
import type { MechanismState } from "../mechanisms/state.ts";
import type { KvMemory } from "../memory/memory.ts";
import type { PairTokens } from "../memory/pair-tokens.ts";
import { loadMemoryRow, saveMemoryRow } from "../memory/saved-rows.ts";
import { heap } from "../wasm/runtime.ts";
import type { Contexts, LayerPairs } from "./contexts.ts";

/** Everything that a state holds between two passes. */
export interface StateParts extends Contexts {
  /** Tokens read of the current segment. */
  readonly offset: number;
  /** First valid position of each row's context, [B]. */
  readonly first: Int32Array;
  /** 1 for each row that has read something of its document, [B]. */
  readonly begun: Int32Array;
  readonly mechanism: MechanismState | undefined;
  readonly memories: ReadonlyMap<number, KvMemory>;
  readonly tokens: PairTokens | undefined;
}

/**
 * Copies the parts, by names that begin with `prefix`: `offset [1]`, `first [B]`, the filled contexts `layers.0.row.0.keys|values
 * [past, H·D]`, and the memories `memories.2.row.0.appended [1]` and `memories.2.row.0.keys|values [H, length, D]`. Where keys are
 * smeared, also `begun [B]` and `layers.2.preceding_keys [B, H·D]`; and what copying (memory/pair-tokens.ts) or a mechanism needs.
 */
export function saveState(parts: StateParts, prefix: string): Map<string, StoredTensor> {
  const { layers, floats, offset, first, begun, mechanism, memories, tokens } = parts;
  const saved = new Map([
    [`${prefix}offset`, integerTensor([offset])],
    [`${prefix}first`, integerTensor(first)],
    ...(mechanism?.save(prefix) ?? []),
  ]);
  for (const [name, view] of contextRows(parts, prefix)) {
    saved.set(name, floatTensor([view.length / floats, floats], view.slice()));
  }
  const preceding = precedingKeys(layers, prefix);
  if (preceding.length > 0) saved.set(`${prefix}begun`, integerTensor(begun));
  for (const [name, keys] of preceding) saved.set(name, floatTensor(keys.shape, keys.toArray()));
  for (const [name, memory, row] of memoryRows(parts, prefix)) saveMemoryRow(saved, name, memory, row);
  tokens?.save(saved, prefix, memories, offset);
  return saved;
}

/** Tokens that a saved state has read of its segment of T. */
export function savedOffset(reader: TensorReader, prefix: string, segment: number): number {
  return reader.integers(`${prefix}offset`, [1], segment - 1)[0];
}

/** Fills parts of that offset. Throws an InputError for tensors that do not fit. `cacheLength`: positions before the segment. */
export function loadState(parts: StateParts, reader: TensorReader, prefix: string, cacheLength: number): void {
  const { rows, layers, floats, offset, first, begun, mechanism, memories, tokens } = parts;
  first.set(reader.integers(`${prefix}first`, [rows], cacheLength));
  for (const [name, view] of contextRows(parts, prefix)) {
    view.set(reader.floats(name, [view.length / floats, floats]));
  }
  mechanism?.load(reader, prefix);
  const preceding = precedingKeys(layers, prefix);
  if (preceding.length > 0) begun.set(reader.integers(`${prefix}begun`, [rows], 1));
  for (const [name, keys] of preceding) keys.set(reader.floats(name, keys.shape));
  for (const [name, memory, row] of memoryRows(parts, prefix)) loadMemoryRow(reader, name, memory, row);
  tokens?.load(reader, prefix, memories, offset);
}

/** Views of the filled part of every row's contexts, by name. Valid until the next allocation. */
function* contextRows(parts: Contexts, prefix: string): Generator<[name: string, view: Float32Array]> {
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
function precedingKeys(layers: readonly LayerPairs[], prefix: string): [name: string, keys: PersistentTensor][] {
  return layers.flatMap(({ preceding }, layer): [string, PersistentTensor][] =>
    preceding === undefined ? [] : [[`${prefix}layers.${layer}.preceding_keys`, preceding.keys]],
  );
}

/** Every row of every memory, by name. */
function* memoryRows(
  { rows, memories }: { readonly rows: number; readonly memories: ReadonlyMap<number, KvMemory> },
  prefix: string,
): Generator<[name: string, memory: KvMemory, row: number]> {
  for (const [layer, memory] of memories) {
    for (let row = 0; row < rows; row++) yield [`${prefix}memories.${layer}.row.${row}`, memory, row];
  }
}
