/**
 * The words of a text, told apart as a reader of prose, mathematics and programs does, and which of them a token belongs to:
 * for statistics over tokens, whose own borders depend on the tokenizer. It is not a parser; a word is judged by its looks.
 */

import { aText, check, listOf } from "../base/check.ts";

/** Kinds of words, by their looks. */
export type WordKind = "word" | "identifier" | "LaTeX command" | "number" | "punctuation" | "line break" | "space";

export const wordKinds: readonly WordKind[] = [
  "word",
  "identifier",
  "LaTeX command",
  "number",
  "punctuation",
  "line break",
  "space",
];

/** A word of a text. */
export interface Word {
  /** Its characters. */
  readonly text: string;
  /** Its kind, by its looks. */
  readonly kind: WordKind;
}

/**
 * LaTeX commands, names with their digits and underscores, numbers, white space, and every other sign by itself. A name is looked for at the first of
 * several underscores alone: at each of them, a line of underscores would take the square of its length.
 */
const WORD =
  /(?<command>\\\p{L}+)|(?<name>(?<!_)_*\p{L}[\p{L}\p{M}\p{N}]*(?:_+[\p{L}\p{M}\p{N}]+)*)|(?<number>\p{N}+(?:[.,]\p{N}+)*)|(?<space>\s+)|\S/gu;

/** Signs that a word is not prose: an underscore or a digit in a name, or a capital behind a small letter. */
const IDENTIFIER = /[_\p{N}]|\p{Ll}\p{Lu}/u;

/**
 * For each token the word in which its first visible character lies, or the white space that it is.
 * @param texts the tokens' texts, together the whole text; a token that ends no character has none
 */
export function wordsOfTokens(texts: readonly string[]): Word[] {
  check("texts", texts, listOf(aText));
  const words = [...texts.join("").matchAll(WORD)].map((match) => ({ ...wordOf(match), begin: match.index }));
  let begin = 0;
  let next = 1;
  return texts.map((text) => {
    const at = begin + Math.max(0, text.search(/\S/));
    while (next < words.length && words[next].begin <= at) next++;
    begin += text.length;
    return words[next - 1] ?? { text: "", kind: "space" };
  });
}

function wordOf({ 0: text, groups = {} }: RegExpMatchArray): Word {
  return { text, kind: kindOf(text, groups) };
}

function kindOf(text: string, { command, name, number, space }: Partial<Record<string, string>>): WordKind {
  if (command !== undefined) return "LaTeX command";
  if (number !== undefined) return "number";
  if (space !== undefined) return text.includes("\n") ? "line break" : "space";
  if (name === undefined) return "punctuation";
  return IDENTIFIER.test(text) ? "identifier" : "word";
}
