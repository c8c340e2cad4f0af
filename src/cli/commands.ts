/**
 * Finds what was typed among the commands. Names and summaries are there at once; a command is loaded when it runs, or when
 * its help is asked for, because the engine comes with it.
 */
import { nearest } from "../base/did-you-mean.ts";
import { formatTable } from "../report/table.ts";
import type { Command } from "./arguments/command.ts";
import { UsageError } from "./arguments/usage.ts";
import { type CommandName, commandNames, PROGRAM, summaries } from "./summaries.ts";

const loaders: Readonly<Record<CommandName, () => Promise<Command>>> = {
  "tokenizer train": async () => (await import("./tokenizer.ts")).tokenizerTrainCommand,
  train: async () => (await import("./train.ts")).trainCommand,
  read: async () => (await import("./read.ts")).readCommand,
  eval: async () => (await import("./eval.ts")).evalCommand,
  generate: async () => (await import("./generate.ts")).generateCommand,
  serve: async () => (await import("./serve.ts")).serveCommand,
  page: async () => (await import("./page.ts")).pageCommand,
  inspect: async () => (await import("./inspect.ts")).inspectCommand,
  curves: async () => (await import("./curves.ts")).curvesCommand,
  info: async () => (await import("./info.ts")).infoCommand,
  calibrate: async () => (await import("./calibrate.ts")).calibrateCommand,
  export: async () => (await import("./export.ts")).exportCommand,
  "corpus code": async () => (await import("./corpus.ts")).corpusCodeCommand,
  "corpus proofs": async () => (await import("./corpus.ts")).corpusProofsCommand,
  "corpus names": async () => (await import("./corpus.ts")).corpusNamesCommand,
  experiment: async () => (await import("./experiment.ts")).experimentCommand,
  worker: async () => (await import("./worker.ts")).workerCommand,
  "memory serve": async () => (await import("./memory.ts")).memoryServeCommand,
  "memory forget": async () => (await import("./memory.ts")).memoryForgetCommand,
  "cluster status": async () => (await import("./cluster.ts")).clusterStatusCommand,
  demo: async () => (await import("./demo/demo.ts")).demoCommand,
};

/** A request: a command and its arguments, or help for a group of commands (for all of them if the word is empty). */
export type Request =
  | { readonly load: () => Promise<Command>; readonly argv: readonly string[] }
  | { readonly help: string };

/**
 * Parses the words after the program's name. `help eval` is `eval --help`.
 * @throws UsageError for an unknown command, with the one that was probably meant
 */
export function requestOf(argv: readonly string[]): Request {
  const [word, ...rest] = argv;
  if (word === "help") return requestOf([...rest, "--help"]);
  if (word === undefined || isHelp(word)) return { help: "" };
  const name = commandNames.find((known) => known.split(" ").every((part, i) => part === argv[i]));
  if (name !== undefined) return { load: loaders[name], argv: argv.slice(name.split(" ").length) };
  if (isGroup(word) && isHelp(rest[0])) return { help: word };
  throw unknownCommand(word, rest[0]);
}

/** Every command of a group, `corpus` or "" for all, with what it does. */
export function commandTable(group: string): string {
  const listed = commandNames.filter((name) => group === "" || name.startsWith(`${group} `));
  const rows = listed.map((name) => [`${PROGRAM} ${name}`, summaries[name]]);
  const help = [
    `${PROGRAM} ${group === "" ? "COMMAND" : `${group} COMMAND`} --help`,
    "explains a command and its options",
  ];
  const version = [`${PROGRAM} --version`, "prints version and runtime"];
  return formatTable([...rows, help, ...(group === "" ? [version] : [])], "left");
}

function isHelp(word: string | undefined): boolean {
  return word === "--help" || word === "-h";
}

/** Whether commands of two words begin so. */
function isGroup(word: string): boolean {
  return commandNames.some((name) => name.startsWith(`${word} `));
}

function unknownCommand(word: string, second: string | undefined): UsageError {
  const inGroup = commandNames.filter((name) => name.startsWith(`${word} `));
  const typed = inGroup.length > 0 ? [word, second].join(" ").trimEnd() : word;
  const [only, ...others] = inGroup;
  const meantInGroup = others.length === 0 ? only : meantName(second ?? "", inGroup, 1);
  const meant = meantInGroup ?? (inGroup.length > 0 ? undefined : meantName(word, commandNames, 0));
  const listed = inGroup.length > 0 ? inGroup : commandNames;
  const advice = meant === undefined ? `the commands are ${listed.join(", ")}` : `did you mean ${PROGRAM} ${meant}?`;
  return new UsageError(`${PROGRAM}: unknown command "${typed}"; ${advice}`);
}

/** The command whose `place`-th word `word` is nearest to, or the beginning of, or begins with. */
function meantName(word: string, names: readonly CommandName[], place: number): CommandName | undefined {
  const lower = word.toLowerCase();
  const words = names.map((name) => name.split(" ")[place]);
  const related = (known: string) => lower.length > 2 && (known.startsWith(lower) || lower.startsWith(known));
  const guess = nearest(lower, words) ?? words.find(related);
  return guess === undefined ? undefined : names[words.indexOf(guess)];
}
