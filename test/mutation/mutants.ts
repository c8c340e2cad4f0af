/**
 * The ways to break a line: an operator for its neighbour, a constant one too large, a condition turned round, two arguments
 * swapped, a statement left out. Works on text alone; whether the result compiles, or differs at all, others find out.
 */
import { codeOnly } from "./mask.ts";

/** One file with one line broken in one place. */
export interface Mutant {
  /** Seen from the project's root. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly before: string;
  readonly after: string;
}

/** Patterns in the code of a line, each with its replacement. */
const BREAKS: readonly (readonly [RegExp, string])[] = [
  [/ \+ /g, " - "],
  [/ - /g, " + "],
  [/ \* /g, " + "],
  [/ \/ /g, " * "],
  [/ % /g, " + "],
  [/ \+= /g, " -= "],
  [/ -= /g, " += "],
  [/ \*= /g, " += "],
  [/ < /g, " <= "],
  [/ <= /g, " < "],
  [/ > /g, " >= "],
  [/ >= /g, " > "],
  [/ (=?)== /g, " !$1= "],
  [/ !=(=?) /g, " =$1= "],
  [/ && /g, " || "],
  [/ \|\| /g, " && "],
  [/ << /g, " >> "],
  [/ >>>? /g, " << "],
  [/ & /g, " | "],
  [/ \| /g, " & "],
  [/\btrue\b/g, "false"],
  [/\bfalse\b/g, "true"],
  [/\bmin\(/g, "max("],
  [/\bmax\(/g, "min("],
  [/\bfloor\b/g, "ceil"],
  [/\bceil\b/g, "floor"],
  [/\.add\(/g, ".sub("],
  [/\.sub\(/g, ".add("],
  [/\.mul\(/g, ".add("],
  [/\.gt\(/g, ".ge("],
  [/\.lt\(/g, ".le("],
  [/\.some\(/g, ".every("],
  [/\.every\(/g, ".some("],
  [/\bif \(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)/g, "if (!($1))"],
  [
    /(\b[\w.]+(?<!\b(?:min|max|add|mul|and|or|eq|ne|reduce))\()([\w.]+), ([\w.]+)(?![\w.([]| [-+*/%<>=&|?])/g,
    "$1$3, $2",
  ],
];
const CONSTANT = /(?<![\w.]|\de-)\d+(?![\w.])/g;

/** Lines that compute nothing: declarations of types, imports, lists of names. */
const INERT = /^\s*(import|export type|export \{|export interface|interface|type|readonly|[\w, {}]*\} from)\b/;
/** Sizes of blocks, when work is begun, a number that nothing reaches: any gives the same results, sooner or later. */
const TUNING =
  /\bconst (MC|KC|NC|\w*BLOCK|GATHER|WAITING|\w*PATIENCE|MOST_QUERIES|MOST_ROUNDS|BATCH\w*|LEAST_KEYS\w*|UNBOUNDED)\b/;
/** Filling of the lanes past a row's end, where only the lanes before the end are stored. */
const FILLER = /(?<=loadPartial\([^()]*, )\d(?=\))/g;
/** Beginnings of statements that cannot be left out: declarations, jumps and heads of blocks. */
const NEEDED =
  /^(const|let|return|throw|break|continue|case|default|for|if|else|while|do|private|declare|super|export)\b|^[\w"]+\??:/;

/** Every mutant of a file's text, line by line: `[i]` are those of line i + 1. */
export function mutantsByLine(file: string, text: string): Mutant[][] {
  const lines = text.split("\n");
  const code = codeOnly(text)
    .split("\n")
    .map((line) => (line.includes("storePartial(") ? line.replaceAll(FILLER, " ") : line));
  return lines.map((before, i) => {
    if (INERT.test(before) || TUNING.test(before)) return [];
    const variants = new Set([...brokenLines(before, code[i]), ...withoutStatement(before, code, i)]);
    variants.delete(before);
    return [...variants].map((after) => ({ file, line: i + 1, before, after }));
  });
}

/** `line` with one thing replaced, for each thing in its `code`. */
function brokenLines(line: string, code: string): string[] {
  const broken = BREAKS.flatMap(([pattern, by]) => {
    const once = new RegExp(pattern.source);
    return replacedOnce(line, code, pattern, (part) => part.replace(once, by));
  });
  return [...broken, ...replacedOnce(line, code, CONSTANT, (digits) => String(Number(digits) + 1))];
}

/** For each match in `code`, the line with that part of it changed. */
function replacedOnce(line: string, code: string, pattern: RegExp, change: (part: string) => string): string[] {
  return [...code.matchAll(pattern)].map(({ 0: { length }, index }) => {
    const end = index + length;
    return line.slice(0, index) + change(line.slice(index, end)) + line.slice(end);
  });
}

/** The line emptied, if it is a whole statement that others do not need in order to compile. */
function withoutStatement(line: string, code: readonly string[], i: number): string[] {
  const statement = code[i].trim();
  const previous = code.slice(0, i).findLast((earlier) => earlier.trim() !== "") ?? "";
  const begins = /[{};]\s*$/.test(previous);
  if (!begins || !/^[\w.[\]]+.*;$/.test(statement) || NEEDED.test(statement) || !isBalanced(statement)) return [];
  return [line.slice(0, line.length - line.trimStart().length)];
}

function isBalanced(code: string): boolean {
  return code.split(/[([{]/).length === code.split(/[)\]}]/).length;
}
