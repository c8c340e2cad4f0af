/**
 * `memorizing corpus code` and `memorizing corpus proofs`: corpora for experiments, made of what is installed on the machine.
 * `memorizing corpus names`: documents of invented names, to begin a training with.
 */
import { spawnSync } from "node:child_process";
import { InputError } from "../base/errors.ts";
import { gatherCorpus, type SourceKind, splits } from "../data/gather-corpus.ts";
import { NAME_DOCUMENTS, namesTexts } from "../data/invented-names.ts";
import { requireWritable, writeFileAtomic } from "../platform/atomic-write.ts";
import { exists, isDirectory } from "../platform/files.ts";
import { writeDirectory } from "../platform/whole-directory.ts";
import { wholeNumber } from "../report/progress.ts";
import { formatTable } from "../report/table.ts";
import { type Command, command } from "./arguments/command.ts";
import { flag, integer, required, text } from "./arguments/options.ts";
import { printJson, printLine, printText } from "./printing.ts";
import { summaries } from "./summaries.ts";

/** Without tests, and without what are tables rather than programs. */
const PYTHON: SourceKind = {
  endings: [".py"],
  skipped: ["dist-packages", "encodings", "idlelib", "lib-dynload", "pydoc_data", "site-packages", "test", "tests"],
  depth: 1,
};

/** Agda, Coq, HOL Light, Isabelle, Lean and Metamath; without what in HOL Light are programs, and lists of theorems. */
const PROOFS: SourceKind = {
  endings: [".agda", ".lagda", ".v", ".hl", ".ml", ".thy", ".lean", ".mm"],
  skipped: ["Proofrecording", "complex_database.ml", "multivariate_database.ml"],
  depth: 2,
};

/** Where Debian's packages put the proofs that they have. */
const PROOF_DIRECTORIES = ["/usr/share/hol-light", "/usr/share/agda-stdlib", "/usr/share/metamath/databases"];

export const corpusCodeCommand = corpusCommand(
  "code",
  "sources [the standard library of python3]",
  PYTHON,
  pythonLibrary,
);

export const corpusProofsCommand = corpusCommand(
  "proofs",
  `proofs [the first of ${PROOF_DIRECTORIES.join(", ")} that exists]`,
  PROOFS,
  installedProofs,
);

export const corpusNamesCommand = command(
  {
    name: "memorizing corpus names",
    summary: summaries["corpus names"],
    options: {
      out: required(text("DIR", "where the documents go")),
      documents: integer(`documents of about 90,000 characters each [${NAME_DOCUMENTS}]`, 1, 100_000),
      seed: integer("decides the names [0]", 0, 2 ** 32),
      json: flag("prints the result as JSON"),
    },
    details: () => "Train on them first, without a memory, then go on with --from on the text that matters.",
  },
  async ({ out, documents = NAME_DOCUMENTS, seed = 0, json }) => {
    requireNew(out);
    const characters = writeDirectory(out, (unfinished) => writeNames(unfinished, documents, seed));
    const size = { documents, characters };
    const sentence = `${out}: ${wholeNumber(size.documents)} document${size.documents === 1 ? "" : "s"}, ${wholeNumber(size.characters)} characters`;
    if (json) printJson(size);
    else printLine(sentence);
    return 0;
  },
);

/** Writes the documents into `directory`, and returns their characters. */
function writeNames(directory: string, documents: number, seed: number): number {
  let [count, characters] = [0, 0];
  for (const text of namesTexts(documents, seed)) {
    writeFileAtomic(`${directory}/names-${String(count++).padStart(3, "0")}.txt`, text);
    characters += text.length;
  }
  return characters;
}

/** Makes the corpus of code that experiments use by default, unless `out` exists already. */
export function ensureCodeCorpus(out: string): void {
  if (!exists(out)) writeDirectory(out, (unfinished) => gatherCorpus(pythonLibrary(), unfinished, PYTHON));
}

function corpusCommand(word: "code" | "proofs", from: string, kind: SourceKind, find: () => string): Command {
  const options = {
    out: required(text("DIR", "where the directories train, valid and test go")),
    from: text("DIR", from),
    json: flag("prints the result as JSON"),
  };
  const details = () =>
    "A document is a folder of sources, or a file that stands alone; long ones are parted, short ones left out.\n" +
    "Names decide which are held out, so the same sources always make the same corpus.";
  const [name, summary] = [`memorizing corpus ${word}`, summaries[`corpus ${word}`]];
  return command({ name, summary, options, details }, async (values) => {
    const { out, from = find(), json } = values;
    requireNew(out);
    const sizes = writeDirectory(out, (unfinished) => gatherCorpus(from, unfinished, kind));
    const rows = splits.map((name) => [
      `${out}/${name}`,
      wholeNumber(sizes[name].documents),
      wholeNumber(sizes[name].characters),
    ]);
    const table = formatTable([["", "documents", "characters"], ...rows], ["left", "right"]);
    if (json) printJson({ from, ...sizes });
    else printText(`${table}\n`);
    return 0;
  });
}

/** Nothing is replaced, and what cannot be written is told before the work. */
function requireNew(out: string): void {
  if (exists(out)) throw new InputError(`${out} is there already; give another --out`);
  requireWritable(out.replace(/(?<=.)\/+$/, ""));
}

/** Where python3 keeps its standard library. */
function pythonLibrary(): string {
  const program = 'import sysconfig; print(sysconfig.get_path("stdlib"))';
  const { status, stdout } = spawnSync("python3", ["-c", program], { encoding: "utf8" });
  if (status === 0) return stdout.trim();
  throw new InputError(
    "python3 was not found, so its standard library cannot be read; name a directory of sources instead",
  );
}

function installedProofs(): string {
  const found = PROOF_DIRECTORIES.find(isDirectory);
  if (found !== undefined) return found;
  const advice = "install hol-light, agda-stdlib or metamath-databases with apt-get, or give --from DIR";
  throw new InputError(`no proofs are installed (${PROOF_DIRECTORIES.join(", ")}); ${advice}`);
}
