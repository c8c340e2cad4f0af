/** Rows of memories among the tensors of a checkpoint. For files that readers open see memory-file.ts. */
import { floatTensor, integerTensor, type StoredTensor } from "../formats/safetensors.ts";
import type { TensorReader } from "../formats/tensor-reader.ts";
import type { KvMemory } from "./memory.ts";
import { MOST_APPENDED } from "./ring.ts";

/** Copies what a row remembers: `NAME.appended [1]`, `NAME.keys|values [H, length, D]`, and `NAME.length [1]` where it is not what `appended` says. */
export function saveMemoryRow(saved: Map<string, StoredTensor>, name: string, memory: KvMemory, row: number): void {
  const { keys, values } = memory.contents(row);
  const [length, appended] = [memory.length(row), memory.appended(row)];
  const shape = [memory.heads, length, memory.width];
  saved.set(`${name}.appended`, integerTensor([appended]));
  if (length < Math.min(appended, memory.size)) saved.set(`${name}.length`, integerTensor([length]));
  saved.set(`${name}.keys`, floatTensor(shape, keys)).set(`${name}.values`, floatTensor(shape, values));
}

/** Restores the row that `saveMemoryRow` copied. Throws an InputError for tensors that do not fit the memory. */
export function loadMemoryRow(reader: TensorReader, name: string, memory: KvMemory, row: number): void {
  const [appended] = reader.integers(`${name}.appended`, [1], MOST_APPENDED);
  const most = Math.min(appended, memory.size);
  const length = reader.has(`${name}.length`) ? reader.integers(`${name}.length`, [1], most)[0] : most;
  const shape = [memory.heads, length, memory.width];
  const contents = { keys: reader.numbers(`${name}.keys`, shape), values: reader.numbers(`${name}.values`, shape) };
  memory.restore(row, appended, contents);
}
