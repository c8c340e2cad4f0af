/** An experiment with cells of a moment each, run in several ways, and all that must be the same in each of them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { tinyOverrides, writeTinyCorpus } from "../experiments/tiny.ts";

export class SmallExperiment {
  readonly name: string;
  private readonly folder: string;
  private readonly corpus: string;
  private readonly cells: readonly string[];
  private readonly tokens: number;

  /** Writes its corpus into `folder`. `cells` are all if none is named; `tokens` are those of a cell's training. */
  constructor(folder: string, name: string, cells: readonly string[] = [], tokens = 900) {
    this.folder = folder;
    this.name = name;
    this.corpus = join(folder, "math");
    this.cells = cells;
    this.tokens = tokens;
    writeTinyCorpus(this.corpus);
  }

  /** The arguments that run it with the results in `out`. */
  line(out: string, ...more: readonly string[]): string[] {
    const cells = this.cells.length > 0 ? ["--cells", ...this.cells] : [];
    const recipe = [
      "--budget",
      `${this.tokens}`,
      "--eval-tokens",
      "60",
      "--set",
      ...tinyOverrides,
      "num_hidden_layers=4",
    ];
    const places = ["--corpus", this.corpus, "--out", join(this.folder, out)];
    return ["experiment", this.name, ...places, ...more, ...cells, ...recipe];
  }

  /** How many cells have a result. */
  finished(out: string): number {
    return JSON.parse(readFileSync(join(this.folder, out, this.name, "results.json"), "utf8")).cells.length;
  }

  /** The table without how long it took and where, and the weights of all models. */
  outcome(out: string): string {
    const text = readFileSync(join(this.folder, out, this.name, "table.md"), "utf8");
    const models = join(this.folder, out, "models");
    const names = readdirSync(models, { recursive: true, encoding: "utf8" });
    const weights = names.filter((path) => path.endsWith(".safetensors")).sort();
    const contents = weights.map((path) => `${path} ${readFileSync(join(models, path), "base64")}`);
    return [text.replaceAll(/^- (hours|machine): .*$/gm, ""), ...contents].join("\n");
  }
}
