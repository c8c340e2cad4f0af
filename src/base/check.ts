/**
 * Checks of what programs hand to the public functions, for plain JavaScript has no types: a wrong argument is one sentence
 * that names it, such as `topk: got 1.5; it must be a whole number from 1 to 65,536`. Called where something comes in, and
 * nowhere inside. What a configuration file may hold is the matter of fields.ts.
 */
import { nearest } from "./did-you-mean.ts";
import { InputError } from "./errors.ts";
import { show, showNumber } from "./show.ts";

/** A kind of argument: words that follow "it must be", and a test. */
export interface Kind {
  readonly what: string;
  accepts(value: unknown): boolean;
}

/** The kinds of all keys that an object of options may have. */
export type Kinds<T> = Readonly<Record<keyof T, Kind>>;

/** @throws InputError that names the argument, what it is and what it must be */
export function check(name: string, value: unknown, kind: Kind): void {
  if (!kind.accepts(value)) throw new InputError(`${name}: got ${show(value)}; it must be ${kind.what}`);
}

/**
 * Checks every key of an object of options. A key that is undefined counts as left out.
 * @throws InputError that names the key that is unknown, or is not of its kind
 */
export function checkOptions<T>(name: string, options: unknown, kinds: Kinds<T>): void {
  const known = Object.keys(kinds);
  if (!isPlainObject(options)) {
    throw new InputError(`${name}: got ${show(options)}; it must be an object with the keys ${known.join(", ")}`);
  }
  for (const key of Object.keys(options)) requireKnownKey(name, key, known);
  for (const [key, kind] of Object.entries<Kind>(kinds)) check(key, options[key], kind);
}

/** @throws InputError that says which key was probably meant, or which there are */
export function requireKnownKey(name: string, key: string, known: readonly string[]): void {
  if (known.includes(key)) return;
  const guess = nearest(key, known);
  const advice = guess === undefined ? `the keys are ${known.join(", ")}` : `did you mean ${guess}?`;
  throw new InputError(`${name}: unknown key ${show(key)}; ${advice}`);
}

/** `defaults` with what `given` gives. A key that is undefined counts as left out. */
export function withDefaults<T extends object>(defaults: T, given: Partial<T>): T {
  check("options", given, someOptions);
  const present = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(present) };
}

export function whole(min: number, max = Number.MAX_SAFE_INTEGER): Kind {
  const end = max === Number.MAX_SAFE_INTEGER ? "on" : `to ${showNumber(max)}`;
  return {
    what: `a whole number from ${showNumber(min)} ${end}`,
    accepts: (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
  };
}

/** A finite number. */
export function numberWithin(min: number, max: number): Kind {
  return {
    what: `a number from ${showNumber(min)} to ${showNumber(max)}`,
    accepts: (value) => typeof value === "number" && value >= min && value <= max,
  };
}

export function oneOf(...choices: readonly unknown[]): Kind {
  return { what: choices.map(show).join(" or "), accepts: (value) => choices.includes(value) };
}

/** Something that need not be given. */
export function optional({ what, accepts }: Kind): Kind {
  return { what, accepts: (value) => value === undefined || accepts(value) };
}

/** Either of two kinds. */
export function either(a: Kind, b: Kind): Kind {
  return { what: `${a.what}, or ${b.what}`, accepts: (value) => a.accepts(value) || b.accepts(value) };
}

/** An array whose items are all of one kind. */
export function listOf({ what, accepts }: Kind): Kind {
  return {
    what: `an array, each item of it ${what}`,
    accepts: (value) => isArrayOf(value, accepts),
  };
}

/** Whether it is an array of such items, and without holes, which `every` would pass over. */
export function isArrayOf(value: unknown, accepts: (item: unknown) => boolean): boolean {
  if (!Array.isArray(value)) return false;
  for (let i = 0; i < value.length; i++) if (!accepts(value[i])) return false;
  return true;
}

/** An object of a class. */
export function instance(kind: abstract new (...args: never[]) => object, what: string): Kind {
  return { what, accepts: (value) => value instanceof kind };
}

/** Options that are looked at one by one elsewhere. */
export const someOptions: Kind = { what: "an object of options", accepts: isPlainObject };

/** An object of any class, whose parts are looked at later. */
export const someObject: Kind = { what: "an object", accepts: isObject };

/** An object, of any class, with these methods. */
export function withMethods(what: string, ...methods: readonly string[]): Kind {
  return {
    what: `${what}, with the methods ${methods.join(", ")}`,
    accepts: (value) => isObject(value) && methods.every((method) => typeof value[method] === "function"),
  };
}

export const aText: Kind = { what: "a text", accepts: (value) => typeof value === "string" };

/** A text that a file can hold and give back: JSON and UTF-8 have no place for half of a surrogate pair. */
export const aName: Kind = {
  what: "a text in which no character is cut in half",
  accepts: (value) => typeof value === "string" && !/\p{Surrogate}/u.test(value),
};

export const aPath: Kind = {
  what: "a path, a text without a zero character",
  accepts: (value) => typeof value === "string" && value !== "" && !value.includes("\0"),
};

export const aFlag: Kind = { what: "true or false", accepts: (value) => typeof value === "boolean" };

export const aFunction: Kind = { what: "a function", accepts: (value) => typeof value === "function" };

export const aByteArray: Kind = instance(Uint8Array, "a Uint8Array");

export const tokenIds: Kind = instance(Int32Array, "an Int32Array of token ids");

export const aSignal: Kind = {
  what: "an AbortSignal",
  accepts: (value) => isObject(value) && typeof value.aborted === "boolean",
};

/** A seed of a generator of random numbers. */
export const aSeed: Kind = whole(0);

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Tells whether `value` is a plain object: not an array, a Map or an instance of a class. Objects of other realms count. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (!isObject(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
