/**
 * The state of a decoder among the tensors of a checkpoint: buffers to their last bit and at their old indices, since sums over a
 * window may depend on where it lies.
 */
import { InputError } from "../base/errors.ts";
import { floatTensor, integerTensor, type StoredTensor } from "../formats/safetensors.ts";
import type { TensorReader } from "../formats/tensor-reader.ts";
import { heap } from "../wasm/runtime.ts";
import type { DistantPairs } from "./distant-pairs.ts";
import type { LayerContext } from "./layer-context.ts";
import type { SegmentPlace } from "./segment-place.ts";

/** What a state is made of. Rotary angles follow from the place. */
export interface SavedParts {
  /** B. */
  readonly rows: number;
  readonly place: SegmentPlace;
  /** Tokens in the buffers, [B, capacity]. */
  readonly ids: Int32Array;
  readonly contexts: readonly LayerContext[];
  readonly distant: readonly (DistantPairs | undefined)[];
}

/**
 * Copies the parts, by names that begin with `prefix`: `capacity [1]`, `place [3 + 4 B]`, `ids [B · capacity]`, each layer's
 * filled buffers `layers.0.row.0.keys|values|…` and what is distant, `layers.0.row.0.sinks|memory.…`.
 */
export function saveState(parts: SavedParts, prefix: string): Map<string, StoredTensor> {
  const { ids, place, rows } = parts;
  const saved = new Map<string, StoredTensor>([
    [`${prefix}capacity`, integerTensor([ids.length / rows])],
    [`${prefix}place`, integerTensor(place.save())],
    [`${prefix}ids`, { dtype: "I32", shape: [ids.length], data: ids.slice() }],
  ]);
  for (const [name, view] of filledBuffers(parts, prefix)) saved.set(name, floatTensor([view.length], view.slice()));
  for (const [name, distant, row] of distantRows(parts, prefix)) distant.save(saved, name, row);
  return saved;
}

/** Tokens that the buffers of a saved state have room for, at most `most`. */
export function savedCapacity(reader: TensorReader, prefix: string, most: number): number {
  return reader.integers(`${prefix}capacity`, [1], most)[0];
}

/** Fills parts of the same capacity. Throws an InputError for tensors that do not fit. `window`: W; `vocabulary`: V. */
export function loadState(
  parts: SavedParts,
  reader: TensorReader,
  prefix: string,
  { window, vocabulary }: { readonly window: number; readonly vocabulary: number },
): void {
  const { ids, place, rows } = parts;
  const saved = reader.integers(`${prefix}place`, [3 + 4 * rows], Number.MAX_SAFE_INTEGER);
  requirePlace(saved, ids.length / rows, window, reader.source);
  place.load(saved);
  ids.set(reader.indices(`${prefix}ids`, [ids.length], vocabulary - 1));
  for (const [name, view] of filledBuffers(parts, prefix)) view.set(reader.floats(name, [view.length]));
  for (const [name, distant, row] of distantRows(parts, prefix)) distant.load(reader, name, row);
}

/** Refuses a place outside the buffers. */
function requirePlace(
  [start, offset, goneEnd, ...rows]: readonly number[],
  capacity: number,
  window: number,
  source: string,
): void {
  const lies = (seen: number, padding: number, read: number, gone: number) =>
    (seen <= start || start >= window) && padding <= start + offset && seen <= read && gone <= read;
  const fits = rows.every((seen, i) => i % 4 > 0 || lies(seen, rows[i + 1], rows[i + 2], rows[i + 3]));
  if (start + offset <= capacity && goneEnd <= start && fits) return;
  throw new InputError(`${source}: the place of a state lies outside its buffers of ${capacity} tokens`);
}

/** Views of the filled part of every buffer, row by row. Valid until the next allocation. */
function* filledBuffers(
  { contexts, rows, place }: SavedParts,
  prefix: string,
): Generator<[name: string, view: Float32Array]> {
  for (const [layer, context] of contexts.entries()) {
    for (let row = 0; row < rows; row++) {
      const [begin, end] = [context.at(row, 0), context.at(row, place.next)];
      for (const [name, { ptr }] of context.named) {
        yield [`${prefix}layers.${layer}.row.${row}.${name}`, heap.f32(ptr + begin, (end - begin) / 4)];
      }
    }
  }
}

function* distantRows(
  { distant, rows }: SavedParts,
  prefix: string,
): Generator<[name: string, distant: DistantPairs, row: number]> {
  for (const [layer, pairs] of distant.entries()) {
    if (pairs === undefined) continue;
    for (let row = 0; row < rows; row++) yield [`${prefix}layers.${layer}.row.${row}`, pairs, row];
  }
}
