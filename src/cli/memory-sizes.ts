/** The memory sizes that are evaluated unless others are asked for. */
import type { ModelConfig } from "../model/config.ts";

/** None, and the model's own. */
export function defaultMemorySizes({ memory_layers, memory_size }: ModelConfig): number[] {
  return memory_layers.length > 0 && memory_size > 0 ? [0, memory_size] : [0];
}
