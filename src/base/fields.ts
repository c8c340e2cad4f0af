/**
 * Tables of described keys: what each may hold, what it holds when it is left out, one line that explains it. Parsing,
 * `key=value` overrides and `--help` all read the same table. What a key means, and which combinations of values are
 * impossible, is known to the owner of the table: the model's configuration, the options of a training run.
 */

import { isPlainObject, requireKnownKey } from "./check.ts";
import { InputError } from "./errors.ts";
import { show } from "./show.ts";

/** A lower and an upper end. `min` and `max` belong to the range, `above` and `below` do not. */
export interface Range {
  /** Least value. */
  min?: number;
  /** Values lie above it. */
  above?: number;
  /** Greatest value. */
  max?: number;
  /** Values lie below it. */
  below?: number;
}

/** One key of a table: the values it may hold, its default, and one line that explains it. */
export type Field = { about: string } & (
  | ({ kind: "integer"; default: number } & Range)
  | ({ kind: "number"; default: number } & Range)
  | ({ kind: "integers"; default: readonly number[] } & Range)
  | { kind: "boolean"; default: boolean }
  | { kind: "choice"; default: string | number | boolean; choices: readonly (string | number | boolean)[] }
);

export type Fields = Readonly<Record<string, Field>>;

export function integer(fallback: number, min: number, max: number, about: string): Field {
  return { kind: "integer", default: fallback, min, max, about };
}

/** A choice whose first value is the default. */
export function choice(
  choices: readonly [string | number | boolean, ...(string | number | boolean)[]],
  about: string,
): Field {
  return { kind: "choice", default: choices[0], choices, about };
}

/**
 * A value for every key: what `json` (parsed JSON) gives, or the default where that is nothing, or undefined. Lists of numbers
 * come in ascending order. `source` names the origin in messages, a path or an option. Throws an InputError that names source and key.
 */
export function parseFields(fields: Fields, json: unknown, source: string): Record<string, unknown> {
  if (!isPlainObject(json)) {
    throw new InputError(`${source}: a configuration must be a JSON object of keys and values, not ${show(json)}`);
  }
  for (const key of Object.keys(json)) requireKnownKey(source, key, Object.keys(fields));
  const given = new Map(Object.entries(json).filter(([, value]) => value !== undefined));
  const values = Object.entries(fields).map(([key, field]) => [key, checked(key, field, given, source)]);
  return Object.fromEntries(values);
}

/** The values that overrides give: `key=value`, lists as `key=2,5`. Their ranges are left to `parseFields`. */
export function parseOverrides(fields: Fields, overrides: readonly string[], source: string): Record<string, unknown> {
  const values = overrides.map((override) => {
    const equals = override.indexOf("=");
    if (equals < 1) throw new InputError(`${source} ${override}: an override must be written key=value`);
    const key = override.slice(0, equals).trim();
    return [key, parseValue(override.slice(equals + 1).trim(), fieldOf(fields, key, source))];
  });
  return Object.fromEntries(values);
}

/** One line of words for what `field` may hold, such as `a whole number from 1 to 1024`. */
export function describeValues(field: Field): string {
  switch (field.kind) {
    case "integer":
      return `a whole number ${describeRange(field)}`;
    case "number":
      return `a number ${describeRange(field)}`;
    case "integers":
      return `a list of whole numbers ${describeRange(field)}`;
    case "boolean":
      return "true or false";
    case "choice":
      return field.choices.map((value) => JSON.stringify(value)).join(" or ");
  }
}

function describeRange({ min, above, max, below }: Range): string {
  if (min === undefined) return `above ${above}, up to ${max}`;
  return max === undefined ? `from ${min} to below ${below}` : `from ${min} to ${max}`;
}

function fieldOf(fields: Fields, key: string, source: string): Field {
  requireKnownKey(source, key, Object.keys(fields));
  return fields[key];
}

/** The value of `key`, or its default. Lists of numbers come back in ascending order, as copies. */
function checked(key: string, field: Field, given: ReadonlyMap<string, unknown>, source: string): unknown {
  const value = given.has(key) ? given.get(key) : field.default;
  if (!accepts(field, value)) {
    throw new InputError(`${source}: ${key} must be ${describeValues(field)}, not ${show(value)}`);
  }
  return Array.isArray(value) ? value.toSorted((a, b) => a - b) : value;
}

function accepts(field: Field, value: unknown): boolean {
  switch (field.kind) {
    case "integer":
      return Number.isSafeInteger(value) && inRange(field, value);
    case "number":
      return inRange(field, value);
    case "integers":
      return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && inRange(field, item));
    case "boolean":
      return typeof value === "boolean";
    case "choice":
      return field.choices.some((allowed) => allowed === value);
  }
}

function inRange(
  { min = -Infinity, above = -Infinity, max = Infinity, below = Infinity }: Range,
  value: unknown,
): boolean {
  return typeof value === "number" && value >= min && value > above && value <= max && value < below;
}

/** Parses the text after `key=`: JSON where it is JSON, a bare word as itself, `2,5` as a list where a list is needed. */
function parseValue(text: string, field: Field): unknown {
  try {
    return JSON.parse(field.kind === "integers" && !text.startsWith("[") ? `[${text}]` : text);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}
