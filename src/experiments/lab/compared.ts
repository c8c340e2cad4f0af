/**
 * The models that say what a memory is worth: one that sees its segment alone, one with a Transformer-XL cache, one with a memory, and one
 * with both. Those that see far have smeared keys in the third layer, whose heads begin as induction heads;
 * memories have the paper's gate, and their pairs vote. So a cache lacks nothing that a memory has, but for the memory.
 */
import type { Cell } from "./experiment.ts";
import { copying, induction, MEMORY, plain, withMemory, withXl, XL_CACHE, xl } from "./recipe.ts";

/** Sees its segment alone. */
export const nothing: Cell = plain;

/** With a Transformer-XL cache of a segment. */
export const cache: Cell = { ...induction(xl), label: `XL cache ${XL_CACHE}` };

/** With a memory of `size`. */
export function memoryOf(size: number): Cell {
  return { ...copying(withMemory(size, "gate")), label: `memory ${size.toLocaleString("en-US")}` };
}

/** With a memory of `size` and an XL cache. */
export function bothOf(size: number): Cell {
  return { ...copying(withXl(withMemory(size, "gate"))), label: `memory ${size.toLocaleString("en-US")} + XL` };
}

/** With a memory of the recipe's size. */
export const memory: Cell = memoryOf(MEMORY);

/** With a memory of the recipe's size and an XL cache. */
export const both: Cell = bothOf(MEMORY);
