/**
 * Writes documents that teach a model to look back, before it reads anything else: short sentences full of names that no
 * document shares with another, most of them said before. Whoever finds where a name stood last knows how it goes on, and
 * nothing else helps. Licence: none is needed, there is no author.
 *
 *   node models/names.mjs --out DIR [--documents N] [--recent SHARE] [--seed N]
 *
 * --recent is the share of names that are among the last eight; the rest of those that are not new are from anywhere before.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

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
const NEW_NAMES = 0.08;
const MOST_RECENT = 8;

const { values } = parseArgs({
  options: {
    out: { type: "string" },
    documents: { type: "string", default: "60" },
    recent: { type: "string", default: "0.47" },
    seed: { type: "string", default: "1" },
  },
});
if (!values.out) throw new Error("--out DIR is needed");

let state = Number(values.seed) * 7919;

/** In [0, 1): a linear congruence is random enough for names. */
function random() {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 32;
}

function oneOf(list) {
  return list[Math.floor(random() * list.length)];
}

/** Two to four syllables; three in ten names begin with a capital. */
function newName() {
  let name = "";
  const syllables = 2 + Math.floor(random() * 3);
  for (let i = 0; i < syllables; i++) {
    name += oneOf(CONSONANTS) + oneOf(VOWELS) + (random() < 0.3 ? oneOf(CONSONANTS) : "");
  }
  return random() < 0.3 ? name[0].toUpperCase() + name.slice(1) : name;
}

function makeDocument() {
  const [names, recent] = [[], []];
  const nextName = () => {
    const choice = random();
    const isNew = names.length < 3 || choice < NEW_NAMES;
    const name = isNew ? newName() : oneOf(choice < NEW_NAMES + Number(values.recent) ? recent : names);
    if (isNew) names.push(name);
    recent.push(name);
    if (recent.length > MOST_RECENT) recent.shift();
    return name;
  };
  let text = "";
  while (text.length < CHARACTERS) text += `${oneOf(SENTENCES).replaceAll("@", nextName)}\n`;
  return text;
}

mkdirSync(values.out, { recursive: true });
for (let i = 0; i < Number(values.documents); i++) {
  writeFileSync(join(values.out, `names-${String(i).padStart(3, "0")}.txt`), makeDocument());
}
