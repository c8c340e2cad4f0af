/** Rows of memories among the tensors of a checkpoint. For files that readers open see memory-file.ts. */
import { floatTensor, integerTensor, type StoredTensor } from "../formats/safetensors.ts";
import type { TensorReader } from "../formats/tensor-reader.ts";
import type { KvMemory } from "./memory.ts";

/** Copies what a row remembers: `NAME.appended [1]`, and `NAME.keys|values [H, length, D]`. */
export function saveMemoryRow(saved: Map<string, StoredTensor>, name: string, memory: KvMemory, row: number): void {
  const { keys, values } = memory.contents(row);
  const shape = [memory.heads, memory.length(row), memory.width];
  saved.set(`${name}.appended`, integerTensor([memory.appended(row)]));
  saved.set(`${name}.keys`, floatTensor(shape, keys)).set(`${name}.values`, floatTensor(shape, values));
}

/** Restores the row that `saveMemoryRow` copied. Throws an InputError for tensors that do not fit the memory. */
export function loadMemoryRow(reader: TensorReader, name: string, memory: KvMemory, row: number): void {
  const [appended] = reader.integers(`${name}.appended`, [1], Number.MAX_SAFE_INTEGER);
  const shape = [memory.heads, Math.min(appended, memory.size), memory.width];
  const contents = { keys: reader.numbers(`${name}.keys`, shape), values: reader.numbers(`${name}.values`, shape) };
  memory.restore(row, appended, contents);
}
