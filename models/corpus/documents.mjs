/**
 * Makes documents of a source: which of its files are taken if it is larger than its share, and how they are joined.
 *
 * A package is one document, its files in order, each under a comment with its path; a very large one is several. Of a package
 * too large whole folders are taken, in an order that their names decide, so every machine takes the same.
 */
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { refusalOf } from "./refusals.mjs";
import { firstLines } from "./texts.mjs";

/** Characters of a document. */
const LONGEST = 2_000_000;
/** What is left of a share, below this, is not worth a cut file. */
const LEAST_REST = 20_000;

/** The order of the files of a document: chapter 2 before chapter 10. */
const PATHS = new Intl.Collator("en", { numeric: true });

const COMMENTS = [
  [/\.(py|pyx|rb|sh|bash|zsh|cr|nim|tcl|cmake|ya?ml|toml|txt|rst)$/, "# ", ""],
  [/\.(lisp|l|scm)$/, ";; ", ""],
  [/\.(erl|hrl|pl|tex|ltx|ht)$/, "% ", ""],
  [/\.(hs|lua|sql|agda|lagda|spad)$/, "-- ", ""],
  [/\.(ml|mli|v|hl|mlw)$/, "(* ", " *)"],
  [/\.(css|less|c|h)$/, "/* ", " */"],
  [/\.(html|vue|md|xml|svelte)$/, "<!-- ", " -->"],
  [/\.mm$/, "$( ", " $)"],
];

/**
 * Chooses texts, and joins them.
 * @param texts those of a source, from texts.mjs
 * @param seen the lines of what was taken before; those of what is taken now are added
 * @param leftOut counts files by the reason why they are left out
 * @returns {{ name: string, text: string }[]}
 */
export function documentsOf(source, texts, seen, leftOut) {
  const refuse = (reason) => leftOut.set(reason, (leftOut.get(reason) ?? 0) + 1);
  const isLearned = source.split === undefined;
  const taken = [];
  let left = source.most ?? Infinity;
  for (const file of ordered(source, texts)) {
    if (left < LEAST_REST) break;
    const reason = refusalOf(file.text, source) ?? (isLearned && seen.has(file.text) ? "seen before" : undefined);
    if (reason !== undefined) {
      refuse(reason);
      continue;
    }
    const text = firstLines(file.text, left);
    seen.add(text);
    if (!source.each) left -= text.length;
    taken.push({ ...file, text });
  }
  taken.sort((a, b) => PATHS.compare(a.path, b.path) || a.part - b.part);
  return source.each ? taken.map(alone(source)) : joined(source, taken);
}

/** The texts by folders: those of a folder of `depth` levels stay together. */
function ordered({ name, depth = 1, order = "digest" }, texts) {
  const groups = new Map();
  for (const text of texts) {
    const key = groupOf(text, depth);
    groups.set(key, [...(groups.get(key) ?? []), text]);
  }
  const rank = RANKS[order];
  const ranked = [...groups].map(([key, group]) => ({ group, rank: rank(`${name}/${key}`, group) }));
  return ranked.sort((a, b) => Number(a.rank > b.rank) - Number(a.rank < b.rank)).flatMap(({ group }) => group);
}

const RANKS = {
  digest: (key) => createHash("md5").update(key).digest("hex"),
  /** The path as it is. */
  name: (key) => key,
  /** Those with most formulas first. */
  mathematics: (_, group) => -formulasPerCharacter(group.map(({ text }) => text ?? "").join("")),
};

function formulasPerCharacter(text) {
  const formulas = text.match(/\$[^$\n]+\$|\\\[|\\\(|\\begin\{(equation|align|gather|theorem|lemma|proof|definition)/g);
  return (formulas?.length ?? 0) / (text.length + 1_000);
}

/** A part of a large file is taken by itself. */
function groupOf({ path, part }, depth) {
  const folder = path.split("/").slice(0, depth).join("/");
  return part > 0 ? `${folder} ${String(part).padStart(3, "0")}` : folder;
}

function alone({ kind }) {
  return ({ path, text }) => ({ name: nameOf(kind, basename(path).replace(/\.[^.]*$/, "")), text });
}

/** Documents of at most LONGEST characters, cut between files. */
function joined(source, taken) {
  const texts = [""];
  for (const { path, part, text } of taken) {
    const titled = `${titleOf(path, part, source.kind)}${text.trimEnd()}\n\n`;
    if (texts.at(-1).length > 0 && texts.at(-1).length + titled.length > LONGEST) texts.push("");
    texts[texts.length - 1] += titled;
  }
  const number = (index) => (texts.length === 1 ? "" : `-${String(index + 1).padStart(2, "0")}`);
  const stem = nameOf(source.kind, source.as ?? source.name);
  return texts.filter((text) => text !== "").map((text, index) => ({ name: `${stem}${number(index)}`, text }));
}

/** A comment in the file's own language. */
function titleOf(path, part, kind) {
  const name = kind === "latex" ? "x.tex" : path;
  const [, before, after] = COMMENTS.find(([endings]) => endings.test(name)) ?? ["", "// ", ""];
  return `${before}${path}${part > 1 ? ` (${part})` : ""}${after}\n`;
}

function nameOf(kind, name) {
  return `${kind}-${name.replace(/^@/, "").replaceAll(/[^A-Za-z0-9.+-]+/g, "-")}`;
}
