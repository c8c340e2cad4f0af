/** The commands by what is typed after the program's name, and what each does, in a few words. Nothing else is known here. */

export const PROGRAM = "memorizing";

export const summaries = {
  "tokenizer train": "learns a byte-level BPE vocabulary from text",
  train: "trains a model on documents",
  read: "reads documents into a memory and keeps it in a file",
  eval: "measures what memories of several sizes do to a model's perplexity",
  generate: "reads documents into a model's memory and lets it write on",
  serve: "answers other programs through OpenAI's interface, with memories over HTTP",
  page: "serves a page in which a model reads your texts, to browsers of this machine",
  inspect: "shows what a model retrieves while it reads a document, and what that helps",
  curves: "draws how the loss on unseen documents changed in the course of trainings",
  info: "says what a model is, what it needs, and why it cannot be read if it cannot",
  calibrate: "finds the heads of a model that others trained in which a memory pays, and makes them its default",
  export: "writes a model to another directory, its weights in another format if asked for",
  "corpus code": "makes a corpus of the Python standard library",
  "corpus proofs": "makes a corpus of formal mathematics",
  "corpus names": "makes documents of invented names, which teach a model to look back",
  experiment: "reruns one of the paper's experiments in small",
  worker: "computes what other machines ask for with --cluster",
  "memory serve": "answers for saved memories that are too large for one machine",
  "memory forget": "drops the oldest pairs of a memory that is served",
  "cluster status": "shows the machines of a cluster, their jobs, and the time that is left",
  demo: "has the model that comes with the program read the program, and shows what its memory does",
} as const;

export type CommandName = keyof typeof summaries;

export const commandNames = Object.keys(summaries) as CommandName[];
