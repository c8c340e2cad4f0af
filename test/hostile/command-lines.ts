/**
 * Random command lines whose inputs and outputs overlap, and what each of them may change, told without the program's own help:
 * by what every file of the world was made as, and by inodes.
 */
import { join } from "node:path";
import type { Random } from "../../src/base/random.ts";
import type { Kind } from "./command-world.ts";

export interface CommandLine {
  readonly args: readonly string[];
  /** Files and directories that are read; of a directory everything that is text. */
  readonly reads: readonly string[];
  /** Directories of models that are read. */
  readonly models: readonly string[];
  /** Files written, each with its kind. Names ending in `/` stand for everything below. */
  readonly writes: Readonly<Record<string, Kind>>;
  readonly force: boolean;
}

const PLACES =
  "notes.md other.txt docs/a.md nothing own.memory foreign.memory report.html foreign.html losses.jsonl bpe.json device " +
  "link-notes link-mem link-to-link lost links/up hard-notes hard-mem hard-weights new.memory new/deep/file docs/new " +
  "model/config.json model/tokenizer.json model/model.safetensors link-model/model.safetensors model/new run/metrics.jsonl " +
  "run/tokenizer.json run/checkpoint-1/trainer.json docs empty-dir docs/ empty-dir/new notes.md/below";
const FILES = PLACES.split(" ");
const DOCUMENTS =
  "notes.md other.txt docs/a.md links/up link-notes link-to-link hard-notes report.html losses.jsonl".split(" ");
const DIRECTORIES = ["docs", "docs", "link-docs", "docs/sub", "."];
const MODELS = ["model", "model", "model-2", "link-model", "run", "run/checkpoint-1", "farm"];
const OUT = [
  "new",
  "docs",
  "empty-dir",
  "model",
  "model-2",
  "link-model",
  "run",
  "run/checkpoint-1",
  "farm",
  "lost",
  "notes.md",
];
const RUNS = ["run", "run", "run", "run/checkpoint-1", "docs", "new"];
const TINY = ["hidden_size=12", "num_hidden_layers=1", "memory_layers=0", "segment_length=7", "memory_size=9"];

const MODEL_FILES: Readonly<Record<string, Kind>> = {
  "config.json": "config",
  "tokenizer.json": "tokenizer",
  "model.safetensors": "weights",
};

/** A line in the world at `root`. */
export function randomLine(random: Random, root: string): CommandLine {
  const maker = new LineMaker(random, root);
  const { line } = maker;
  return line[Math.floor(random.next() * line.length)]();
}

class LineMaker {
  private readonly random: Random;
  private readonly root: string;
  private readonly force: boolean;

  constructor(random: Random, root: string) {
    this.random = random;
    this.root = root;
    this.force = this.chance(0.25);
  }

  get line(): (() => CommandLine)[] {
    return [this.read, this.generate, this.eval, this.inspect, this.tokenizer, this.export, this.train, this.corpus];
  }

  private readonly read = () => {
    const [model, documents] = [this.model(), this.documents()];
    const save = this.output(documents);
    const append = this.chance(0.3) ? ["--append"] : [];
    return this.made(["read", model, ...documents, "--save", save, ...append], documents, [model], {
      [save]: "memory",
    });
  };

  private readonly generate = () => {
    const [model, read] = [this.model(), this.chance(0.6) ? [this.one(DOCUMENTS)].map(this.at) : []];
    const load = this.chance(0.4) ? [this.at(this.one(["own.memory", "link-mem", "hard-mem", "foreign.memory"]))] : [];
    const save = this.output([...read, ...load]);
    const args = ["generate", model, "--tokens", "2", "--save", save];
    const given = [...load.flatMap((path) => ["--load", path]), ...read.flatMap((path) => ["--read", path])];
    return this.made([...args, ...given], [...read, ...load], [model], { [save]: "memory" });
  };

  private readonly eval = () => {
    const [model, data] = [this.model(), this.documents()];
    const losses = this.output(data);
    const args = ["eval", model, "--data", ...data, "--memory", "0", "--max-tokens", "5", "--losses", losses];
    return this.made(args, data, [model], { [losses]: "losses" });
  };

  private readonly inspect = () => {
    const [model, document] = [this.model(), this.at(this.one(DOCUMENTS))];
    const html = this.output([document]);
    return this.made(["inspect", model, document, "--max-tokens", "5", "--html", html], [document], [model], {
      [html]: "page",
    });
  };

  private readonly tokenizer = () => {
    const data = this.at(this.one(DIRECTORIES));
    const out = this.output([data]);
    const args = ["tokenizer", "train", "--data", data, "--vocab-size", "260", "--out", out];
    return this.made(args, [data], [], { [out]: "tokenizer" });
  };

  private readonly export = () => {
    const [model, out] = [this.model(), this.at(this.one(OUT))];
    return this.made(["export", model, "--out", out], [], [model], filesIn(out, MODEL_FILES));
  };

  private readonly train = () => {
    const resume = this.chance(0.4);
    const [data, out] = [this.at(this.one(DIRECTORIES)), this.at(this.one(resume ? RUNS : OUT))];
    const tokenizer = this.chance(0.3)
      ? [this.at(this.one(["bpe.json", "model/tokenizer.json", "run/tokenizer.json"]))]
      : [];
    const from = this.chance(0.2) ? [this.model()] : [];
    const args = ["train", "--data", data, "--out", out, "--steps", "2", "--batch-size", "1", "--staleness-every", "1"];
    const given = [...tokenizer.flatMap((path) => ["--tokenizer", path]), ...from.flatMap((path) => ["--from", path])];
    const how = resume ? ["--resume"] : from.length > 0 ? [] : ["--set", ...TINY];
    const writes = { ...MODEL_FILES, "metrics.jsonl": "metrics", "staleness.html": "page" } as const;
    const below = { [`${out}/checkpoint-1/`]: "training", [`${out}/checkpoint-2/`]: "training" } as const;
    return this.made([...args, ...given, ...how], [data, ...tokenizer], from, { ...filesIn(out, writes), ...below });
  };

  private readonly corpus = () => {
    const out = this.at(this.one([...OUT, "new/corpus"]));
    const from = this.at(this.one(DIRECTORIES));
    const args = this.chance(0.5) ? ["names", "--documents", "1"] : ["proofs", "--from", from];
    return { ...this.made(["corpus", ...args, "--out", out], [from], [], { [`${out}/`]: "text" }), force: false };
  };

  private made(args: string[], reads: string[], models: string[], writes: Record<string, Kind>): CommandLine {
    const { force } = this;
    const hasForce = force && args[0] !== "corpus";
    return { args: hasForce ? [...args, "--force"] : args, reads, models, writes, force };
  }

  /** Half of the time something that the line reads, or another name of it. */
  private output(reads: readonly string[]): string {
    return this.chance(0.4) && reads.length > 0 ? this.one(reads) : this.at(this.one(FILES));
  }

  private documents(): string[] {
    const paths = [this.one(DOCUMENTS), ...(this.chance(0.3) ? [this.one([...DIRECTORIES, ...DOCUMENTS])] : [])];
    return paths.map(this.at);
  }

  private model(): string {
    return this.at(this.one(MODELS));
  }

  private readonly at = (name: string) => join(this.root, name);

  private chance(probability: number): boolean {
    return this.random.next() < probability;
  }

  private one<T extends string>(list: readonly T[]): T {
    return list[Math.floor(this.random.next() * list.length)];
  }
}

function filesIn(directory: string, files: Readonly<Record<string, Kind>>): Record<string, Kind> {
  return Object.fromEntries(Object.entries(files).map(([name, kind]) => [`${directory}/${name}`, kind]));
}
