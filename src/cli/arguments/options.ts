/**
 * The kinds of options that a command can have. Whatever is checked against a range or a list of choices goes through a
 * field, as configuration keys do, so an option and a key of the same meaning accept and refuse the same.
 * Finding options among arguments is in arguments.ts, printing them in help.ts.
 */
import { InputError } from "../../base/errors.ts";
import { type Field, type Fields, parseFields, parseOverrides } from "../../base/fields.ts";

export interface Option<T> {
  /** The value's name in `--help`, such as DIR; an option without one is a flag. */
  readonly placeholder?: string;
  readonly about: string;
  /** Whether several values may follow, as in `--read a.ts b.ts`. */
  readonly many?: boolean;
  readonly required?: boolean;
  /**
   * The value from the texts that were given, none if the option was left out; of several that cannot all count, the last
   * does. `name` (`--steps`) and `command` are for messages. Throws an InputError.
   */
  read(texts: readonly string[], name: string, command: string): T;
}

/** Options by their keys in camel case: `checkpointEvery` is `--checkpoint-every`. */
export type Options = Readonly<Record<string, Option<unknown>>>;

/** The values given for the options of a table. */
export type Values<O extends Options> = { readonly [Key in keyof O]: O[Key] extends Option<infer T> ? T : never };

/** A command in data: parsing and `--help` both read it. */
export interface CommandDescription<O extends Options = Options> {
  /** As it is typed: `memorizing tokenizer train`. */
  readonly name: string;
  /** A few words on the command's purpose. */
  readonly summary: string;
  /** Names of the arguments that are not options, such as MODEL; the last may stand for several, such as `FILE…`. */
  readonly operands?: readonly string[];
  readonly options: O;
  /** Printed by `--help` below the options. */
  readonly details?: () => string;
}

export function optionName(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

export function flag(about: string): Option<boolean> {
  return { about, read: (texts) => texts.length > 0 };
}

/** A name, such as that of a file. */
export function text(placeholder: string, about: string): Option<string | undefined> {
  const read = (given: readonly string[], name: string, command: string) =>
    requireNames(given, `${command}: ${name} ${placeholder}`).at(-1);
  return { placeholder, about, read };
}

/** Refuses an empty name, such as a shell's unset variable: it would be taken for the root, or for the directory that one is in. */
export function requireNames(given: readonly string[], what: string): readonly string[] {
  if (given.includes("")) throw new InputError(`${what} must not be empty`);
  return given;
}

/** A text that is itself used: bytes that are not UTF-8 are refused in it, as paths alone may have them. */
export function wellFormedText(placeholder: string, about: string): Option<string | undefined> {
  const read = (texts: readonly string[], name: string, command: string) => {
    const value = texts.at(-1);
    if (value === undefined || !/\p{Surrogate}/u.test(value)) return value;
    throw new InputError(`${command}: ${name} must be UTF-8 text, not "${value}"`);
  };
  return { placeholder, about, read };
}

/** Several names; none if the option is left out. */
export function texts(placeholder: string, about: string): Option<readonly string[]> {
  const read = (given: readonly string[], name: string, command: string) =>
    requireNames(given, `${command}: ${name} ${placeholder}`);
  return { placeholder, about, many: true, read };
}

/** A whole number from `min` to `max`. */
export function integer(about: string, min: number, max: number): Option<number | undefined> {
  return fieldOption<number>({ kind: "integer", default: min, about, min, max });
}

/** Whole numbers from `min` to `max`, separated by commas; they come in ascending order. */
export function integers(about: string, min: number, max: number): Option<readonly number[] | undefined> {
  const option = fieldOption<readonly number[]>({ kind: "integers", default: [], about, min, max });
  const read = (texts: readonly string[], name: string, command: string) => {
    const numbers = option.read(texts, name, command);
    if (numbers?.length === 0) throw new InputError(`${command}: ${name} ${option.placeholder} must not be empty`);
    return numbers;
  };
  return { ...option, read };
}

/** One of several words. */
export function choiceOption<T extends string>(choices: readonly T[], about: string): Option<T | undefined> {
  return fieldOption<T>({ kind: "choice", default: choices[0], choices, about });
}

/** An option for each field of the table that describes a T. An option that is left out is undefined; T has its own defaults. */
export function fieldOptions<T>(fields: Readonly<Record<keyof T, Field>>): {
  [Key in keyof T]: Option<T[Key] | undefined>;
} {
  const options = Object.entries<Field>(fields).map(([key, field]) => {
    return [key, { ...fieldOption(field), about: `${field.about} [${field.default}]` }];
  });
  return Object.fromEntries(options);
}

/** Only the values of options that were not left out. */
export function givenOf<T extends object>(values: T): Partial<T> {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Partial<T>;
}

/** The same option, which must not be left out. */
export function required<T>(option: Option<T>): Option<Exclude<T, undefined>> {
  const read = (texts: readonly string[], name: string, command: string) => {
    if (texts.length === 0) throw new InputError(`${command}: ${name} ${option.placeholder} must be given`);
    return option.read(texts, name, command) as Exclude<T, undefined>;
  };
  return { ...option, required: true, read };
}

/** An option that accepts what `field`, whose values are of type T, accepts. */
function fieldOption<T>(field: Field): Option<T | undefined> {
  const read = (texts: readonly string[], name: string, command: string) => {
    const value = texts.at(-1);
    if (value === undefined) return undefined;
    const fields: Fields = { [name]: field };
    return parseFields(fields, parseOverrides(fields, [`${name}=${value}`], command), command)[name] as T;
  };
  return { placeholder: placeholderOf(field), about: field.about, read };
}

function placeholderOf(field: Field): string {
  switch (field.kind) {
    case "integer":
      return "N";
    case "number":
      return "F";
    case "integers":
      return "N,N,…";
    case "boolean":
      return "true|false";
    case "choice":
      return field.choices.join("|");
  }
}
