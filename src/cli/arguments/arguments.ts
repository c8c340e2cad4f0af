/**
 * From the arguments that were typed to the values of a command's options. Telling options from values is left to
 * `parseArgs` of node:util, checking a value to its option.
 */
import { parseArgs } from "node:util";
import { nearest } from "../../base/did-you-mean.ts";
import { InputError } from "../../base/errors.ts";
import {
  type CommandDescription,
  type Option,
  type Options,
  optionName,
  requireNames,
  type Values,
} from "./options.ts";

export interface Arguments {
  /** The texts of every option that was given, by its key in the table; a flag's text is empty. */
  readonly given: ReadonlyMap<string, readonly string[]>;
  readonly operands: readonly string[];
  /** Whether `--help` was among them. */
  readonly help: boolean;
}

/** Sorts the arguments. A bare one that follows an option with many values is one more of them. */
export function splitArguments(argv: readonly string[], { name, options }: CommandDescription): Arguments {
  const keys = new Map(Object.keys(options).map((key) => [optionName(key), key]));
  const given = new Map<string, string[]>();
  const operands: string[] = [];
  let help = false;
  let open = operands;
  for (const token of tokensOf(argv, options)) {
    if (token.kind === "positional") open.push(token.value);
    if (token.kind === "option-terminator") open = operands; // behind "--" nothing is an option's
    if (token.kind !== "option") continue;
    if (token.rawName === "--help" || token.rawName === "-h") {
      help = true;
      continue;
    }
    const key = keys.get(token.rawName);
    if (key === undefined) throw unknownOption(token.rawName, name, [...keys.keys()]);
    const texts = given.get(key) ?? [];
    texts.push(textOf(token, options[key], name, keys));
    given.set(key, texts);
    open = options[key].many ? texts : operands;
  }
  return { given, operands, help };
}

export function readValues<O extends Options>(
  { given }: Arguments,
  { name, options }: CommandDescription<O>,
): Values<O> {
  const values = Object.entries(options).map(([key, option]) => {
    return [key, option.read(given.get(key) ?? [], optionName(key), name)];
  });
  return Object.fromEntries(values);
}

/** The arguments that are not options: one for each operand of the command, one or more for an operand with `…`. */
export function readOperands(
  given: Arguments,
  { name, operands = [], options }: CommandDescription,
): readonly string[] {
  const missing = operands[given.operands.length]?.replace("…", "");
  if (missing !== undefined) throw new InputError(`${name}: ${missing} must be given${swallowed(given, missing)}`);
  const surplus = operands.at(-1)?.endsWith("…") ? undefined : given.operands[operands.length];
  if (surplus !== undefined) {
    const advice = options.data === undefined ? `see ${name} --help` : "documents go behind --data";
    throw new InputError(`${name}: "${surplus}" is an argument too many; ${advice}`);
  }
  return given.operands.flatMap((operand, i) => {
    return requireNames([operand], `${name}: ${operands[Math.min(i, operands.length - 1)].replace("…", "")}`);
  });
}

/** Says which option took what may have been meant as `operand`: one that had a value already. */
function swallowed({ given }: Arguments, operand: string): string {
  const [key, texts] = [...given].findLast(([, texts]) => texts.length > 1) ?? [];
  if (key === undefined) return "";
  const option = optionName(key);
  return `; "${texts?.at(-1)}" counts as one more value of ${option}, so give ${operand} before ${option}`;
}

/** The advice that ends a message about something mistyped. */
export function adviceFor(word: string, known: readonly string[], command: string): string {
  const guess = nearest(word, known);
  return guess === undefined ? `see ${command} --help` : `did you mean ${guess}?`;
}

function tokensOf(argv: readonly string[], options: Options) {
  const types = Object.entries(options).map(([key, { placeholder }]) => {
    return [optionName(key).slice(2), { type: placeholder === undefined ? "boolean" : "string" }] as const;
  });
  // Not strict: parseArgs would then refuse in its own words, several sentences long.
  return parseArgs({ args: [...argv], options: Object.fromEntries(types), strict: false, tokens: true }).tokens;
}

interface OptionToken {
  readonly rawName: string;
  readonly value?: string;
  readonly inlineValue?: boolean;
}

/** The text that was given for an option; empty for a flag. Text that looks like one of `options` is not a value, except in `--a=--b`. */
function textOf(
  { rawName, value, inlineValue }: OptionToken,
  { placeholder }: Option<unknown>,
  command: string,
  options: ReadonlyMap<string, string>,
): string {
  if (placeholder === undefined) {
    if (value !== undefined) throw new InputError(`${command}: ${rawName} takes no value, but "${value}" was given`);
    return "";
  }
  if (value !== undefined && (inlineValue || !value.startsWith("--"))) return value;
  const isOption = value === undefined || options.has(value.split("=")[0]) || value === "--help";
  const advice = isOption
    ? ""
    : `; one that begins with dashes is written ${rawName}="${value === "--" ? "-- …" : value}"`;
  throw new InputError(`${command}: ${rawName} must be followed by ${placeholder}${advice}`);
}

function unknownOption(option: string, command: string, known: readonly string[]): InputError {
  return new InputError(`${command}: unknown option ${option}; ${adviceFor(option, known, command)}`);
}
