/**
 * How text is cut into words, over whose borders nothing merges: the pre-tokenizers of a tokenizer.json. Its regular
 * expressions are Oniguruma's; `@huggingface/tokenizers` turns them into JavaScript's. What its own pre-tokenizers do
 * otherwise than the original is done here: white space of Unicode in GPT-2's pattern, digits of every script, matches
 * merged with a neighbour, one "▁" for a whole text.
 */
import * as library from "@huggingface/tokenizers";
import { preTokens } from "./byte-level.ts";
import type { Step } from "./tokenizer-json.ts";
import { demand, isObject, isOff } from "./unusable.ts";

/** The class of the library that compiles patterns; its own declarations do not resolve under `moduleResolution: nodenext`. */
const { SplitPreTokenizer } = library as unknown as {
  SplitPreTokenizer: new (config: Step) => { readonly pattern: RegExp };
};

/** Cuts a text into words, none of them empty. Tells whether it stands at the very beginning. */
export type Splitter = (text: string, isFirst: boolean) => readonly string[];

/** Characters of a pattern to split by; real ones have some hundred. */
const LONGEST_PATTERN = 10_000;

/** @throws Unusable if a step may remove or alter text */
export function splitters(steps: readonly Step[]): Splitter[] {
  return steps.flatMap((step, i) => {
    if (step.type === "ByteLevel" && i === steps.length - 1) return gpt2Words(step);
    if (step.type === "Digits") return [splitBy(step.individual_digits === true ? /\p{N}/gu : /\p{N}+/gu, "Isolated")];
    demand(step.type === "Split", "its pre_tokenizer has a step that may remove or alter text");
    return [patternSplitter(step)];
  });
}

function gpt2Words({ use_regex }: Step): Splitter[] {
  demand(isOff(use_regex) || use_regex === true, "use_regex of its pre_tokenizer must be true or false");
  return (use_regex ?? true) ? [(text) => [...preTokens(text)]] : [];
}

/** How a match of a pattern becomes a word. */
const behaviors = ["Isolated", "MergedWithPrevious", "MergedWithNext"] as const;
type Behavior = (typeof behaviors)[number];

function patternSplitter({ pattern, behavior, invert }: Step): Splitter {
  const known = behaviors.find((name) => name === behavior);
  const isUsable = isPattern(pattern) && known !== undefined && isOff(invert);
  demand(isUsable, "its pre_tokenizer has a step that may remove or alter text");
  const { pattern: compiled } = new SplitPreTokenizer({ type: "Split", pattern, behavior: "Isolated", invert: false });
  return splitBy(compiled, known);
}

function splitBy(pattern: RegExp, behavior: Behavior): Splitter {
  return (text) => {
    const borders = [0];
    const addBorder = (at: number) => {
      if (at > borders[borders.length - 1]) borders.push(at);
    };
    for (const { index, 0: match } of text.matchAll(pattern)) {
      if (match !== "" && behavior !== "MergedWithPrevious") addBorder(index);
      if (match !== "" && behavior !== "MergedWithNext") addBorder(index + match.length);
    }
    addBorder(text.length);
    return cutAt(text, borders);
  };
}

function cutAt(text: string, borders: readonly number[]): string[] {
  return borders.slice(1).map((border, i) => text.slice(borders[i], border));
}

/** Where a "Metaspace" puts a space before a text that begins without one. Older files say it with a flag. */
export function prependScheme({ prepend_scheme, add_prefix_space }: Step): "first" | "always" | "never" {
  const scheme = prepend_scheme ?? (add_prefix_space === false ? "never" : "always");
  const isKnown = scheme === "first" || scheme === "always" || scheme === "never";
  demand(isKnown, 'the prepend_scheme of its "Metaspace" must be "first", "always" or "never"');
  return scheme;
}

/** Writes spaces as a sign, puts one before a text that begins with none, and cuts before every sign where it is asked to. */
export function metaspaceSplitter(step: Step): Splitter {
  const { replacement = "▁", split = true } = step;
  demand(replacement === "▁", 'the replacement of its "Metaspace" must be ▁');
  const scheme = prependScheme(step);
  demand(split === true || split === false, 'split of its "Metaspace" must be true or false');
  return (text, isFirst) => {
    const signs = text.replaceAll(" ", "▁");
    const isPut = !signs.startsWith("▁") && (scheme === "always" || (scheme === "first" && isFirst));
    const marked = isPut ? `▁${signs}` : signs;
    return split ? (marked.match(/▁[^▁]*|[^▁]+/g) ?? []) : [marked];
  };
}

/** Cuts where no merge can join the characters on both sides, so that a text without words is not one long word. */
export function borderSplitter(merges: Iterable<readonly [left: string, right: string]>): Splitter {
  const joined = new Set<string>();
  for (const [left, right] of merges) joined.add([...left].at(-1)! + [...right][0]);
  return (text) => {
    const borders = [0];
    let previous = "";
    let at = 0;
    for (const character of text) {
      if (at > 0 && !joined.has(previous + character)) borders.push(at);
      previous = character;
      at += character.length;
    }
    return cutAt(text, [...borders, text.length]);
  };
}

function isPattern(pattern: unknown): boolean {
  if (!isObject(pattern)) return false;
  const [given, ...more] = [pattern.Regex, pattern.String].filter((text) => text !== undefined);
  return typeof given === "string" && given.length <= LONGEST_PATTERN && more.length === 0 && !isExplosive(given);
}

/** Whether a group is repeated or referred to, on which an engine that goes back can spend a lifetime: `(a+)+`. */
function isExplosive(pattern: string): boolean {
  const withoutCharacters = pattern.replaceAll(/\\[^1-9k]|\[\^?\]?(?:\\.|[^\]\\])*\]/gs, "");
  return /\)[*+{]|\\[1-9k]/.test(withoutCharacters);
}
