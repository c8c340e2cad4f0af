/** What the checks of a tokenizer share: how they refuse, and what JSON values are. */
import type { Step } from "./tokenizer-json.ts";

/** The reason for a refusal; `readTokenizerJson` adds the file's name. */
export class Unusable extends Error {}

export function demand(condition: boolean, reason: string): asserts condition {
  if (!condition) throw new Unusable(reason);
}

/** Whether a switch is off. What is neither true nor false would be on to some readers, and off to others. */
export function isOff(value: unknown): boolean {
  return value === undefined || value === null || value === false;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isStep(value: unknown): value is Step {
  return isObject(value) && typeof value.type === "string";
}

/** The steps of a part: none where it is null, and those of its parts for a "Sequence", which may be empty. */
export function stepsOf(part: unknown, key: string): unknown[] {
  if (part === undefined || part === null) return [];
  const parts = isStep(part) && part.type === "Sequence" ? part[key] : undefined;
  return Array.isArray(parts) ? parts.flatMap((inner) => stepsOf(inner, key)) : [part];
}
