/**
 * Documents that teach a model to look back, before it reads anything else: short sentences full of invented names. No two
 * documents share a name, and most names have occurred before. A model that finds where a name stood last knows how it
 * continues, and nothing else helps.
 *
 * Large models learn this from any text. Small models hardly learn it from most texts, because it gains little compared with
 * everything else that they have to learn. The paper, with models a thousand times as large, did not need it.
 */
import { Random } from "../base/random.ts";

const CONSONANTS = "bcdfghjklmnprstvwxz";
const VOWELS = "aeiou";
/** Sentences of programs, proofs and papers; each @ is a name. */
const SENTENCES = [
  "let @ be @.",
  'import { @ } from "@";',
  "@(@, @);",
  "return @.@;",
  "if @ then @ else @",
  "see @ and @.",
  "\\ref{@-@}",
  "const @ = @;",
  "@ = @ + @",
  "the @ of @ is @.",
  "def @(@):",
  "MATCH_MP_TAC @",
  "assert @ == @",
];
const CHARACTERS = 90_000;
/** Shares of new names and of names among the last few; all others are from anywhere before. */
const NEW = 0.08;
const RECENT = 0.47;
const MOST_RECENT = 8;

/** Default number of documents in a corpus of names. */
export const NAME_DOCUMENTS = 60;

/** Generates texts of about 90,000 characters each; the same seed gives the same texts. */
export function* namesTexts(documents: number, seed: number): Generator<string> {
  const random = new Random(seed);
  for (let i = 0; i < documents; i++) yield namesText(random);
}

function namesText(random: Random): string {
  const names: string[] = [];
  const recent: string[] = [];
  const nextName = () => {
    const choice = random.next();
    const isNew = names.length < 3 || choice < NEW;
    const name = isNew ? newName(random) : oneOf(choice < NEW + RECENT ? recent : names, random);
    if (isNew) names.push(name);
    recent.push(name);
    if (recent.length > MOST_RECENT) recent.shift();
    return name;
  };
  let text = "";
  while (text.length < CHARACTERS) text += `${oneOf(SENTENCES, random).replaceAll("@", nextName)}\n`;
  return text;
}

/** Makes a name of two to four syllables; three in ten begin with a capital. */
function newName(random: Random): string {
  const syllables = Array.from({ length: 2 + Math.floor(random.next() * 3) }, () => {
    const open = oneOf(CONSONANTS, random) + oneOf(VOWELS, random);
    return random.next() < 0.3 ? open + oneOf(CONSONANTS, random) : open;
  });
  const name = syllables.join("");
  return random.next() < 0.3 ? name[0].toUpperCase() + name.slice(1) : name;
}

function oneOf<T>(list: ArrayLike<T>, random: Random): T {
  return list[Math.floor(random.next() * list.length)];
}
