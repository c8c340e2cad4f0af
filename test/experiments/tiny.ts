/** A corpus and a recipe so small that a cell takes a moment. */
import * as fs from "node:fs";
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import type { RunSettings } from "../../src/experiments/lab/cell-recipe.ts";

const WORDS = ["lemma", "proof", "where", "the", "ring", "is", "exact", "\\phi", "sheaf", "module", "follows", "of"];

/** Writes a corpus with three documents of about a hundred words in each split to `directory`. */
export function writeTinyCorpus(directory: string, seed = 1): void {
  const random = new Random(seed);
  for (const split of ["train", "valid", "test"]) {
    fs.mkdirSync(join(directory, split), { recursive: true });
    for (const length of [301, 173, 90]) {
      const words = Array.from({ length }, () => WORDS[Math.floor(random.next() ** 2 * WORDS.length)]);
      fs.writeFileSync(join(directory, split, `${length}.txt`), `${words.join(" ")}\n`);
    }
  }
}

/** Settings with odd sizes. The cells below set steps of 3 rows of 17 tokens. */
export const tinyOverrides = [
  "hidden_size=12",
  "num_hidden_layers=2",
  "num_attention_heads=2",
  "head_dim=5",
  "intermediate_size=19",
  "segment_length=17",
  "memory_layers=1",
  "memory_topk=4",
];

export function tinySettings(settings: Partial<RunSettings> = {}): RunSettings {
  return { budget: 300, seed: 3, evalTokens: 120, overrides: tinyOverrides, ...settings };
}

/** A signal that aborts as soon as the evaluation after a step has begun, at any speed of the machine. */
export function signalForEvaluationAfter(wanted: number) {
  let asked = -1;
  const onStep = ({ step }: { step: number }) => {
    if (step === wanted) asked = 0;
  };
  // The first question lets the evaluation begin; then the signal aborts.
  const signal = {
    get aborted() {
      return asked >= 0 && asked++ > 0;
    },
  };
  return { onStep, signal: signal as AbortSignal };
}
