/**
 * What rounds cost in quality: `npm run bench:quality -- [OPTIONS]` trains on one machine, in whole batches, and in rounds of four parts, at equal
 * tokens and with the same options, and prints the perplexities on documents that none has read. With `--before STEPS` all go on from weights that one
 * machine has trained so long, at `--rate-before`. `--part-rate 2`: parts take so many times the rate. `--ways 10/0.7/0.9,100/1/0`: H, outer rate and outer momentum. `--model '{"hidden_size":48}'`: differences from the preset tiny. Everything is the same to the bit wherever it runs.
 */
import { runScript, scriptOptions } from "../../bench/script.ts";
import { InputError } from "../../src/base/errors.ts";
import { documentsInDirectory, type TokenizedDocument, tokenizeDocuments } from "../../src/data/corpus.ts";
import { parseJson } from "../../src/formats/json.ts";
import { parseConfig } from "../../src/model/config.ts";
import { preset } from "../../src/model/presets.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import type { Course } from "../../src/train/course.ts";
import { evaluate } from "../../src/train/evaluate.ts";
import { flatCopy, setFlat } from "../../src/train/flat-parameters.ts";
import type { TrainingOptions } from "../../src/train/options.ts";
import { OuterTrainer } from "../../src/train/together/outer-trainer.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { useThreads } from "../../src/wasm/parallel.ts";

const given = {
  corpus: "corpora/math",
  seeds: "0,1,2",
  before: "0",
  steps: "2000",
  batch: "8",
  parts: "4",
  model: '{"memory_size":1024}',
  rate: "3e-3",
  "rate-before": "3e-3",
  "part-rate": "1",
  warmup: "100",
  ways: "10/1/0.5,100/0.7/0.9",
};
const { values } = scriptOptions({
  options: Object.fromEntries(
    Object.entries(given).map(([name, text]) => [name, { type: "string" as const, default: text }]),
  ),
});

/** @throws InputError if one is no number */
function numbersOf(option: string, text: string, separator: string): number[] {
  const numbers = text.split(separator).map(Number);
  if (numbers.every(Number.isFinite)) return numbers;
  throw new InputError(`${option} ${text}: numbers are needed`);
}

const numbers = (name: keyof typeof given) => numbersOf(`--${name}`, String(values[name]), ",");

await runScript(async () => {
  const [before, steps, batchSize, parts, rate, rateBefore, partRate, warmupSteps] = (
    ["before", "steps", "batch", "parts", "rate", "rate-before", "part-rate", "warmup"] as const
  ).map((name) => numbers(name)[0]);
  /** Tokens that are predicted in each unseen document. */
  const UNSEEN = 4096;

  const tokenizer = byteTokenizer();
  const config = parseConfig(
    {
      ...preset("tiny"),
      memory_copy: false,
      ...(parseJson(String(values.model), "--model is not valid JSON") as object),
    },
    "--model",
  );

  function documents(part: string): TokenizedDocument[] {
    return tokenizeDocuments(documentsInDirectory(`${values.corpus}/${part}`, { extensions: [".txt"] }), tokenizer);
  }

  interface Way {
    readonly every: number;
    readonly outerRate: number;
    readonly outerMomentum: number;
  }

  function wayOf(text: string): Way {
    const numbersOfWay = numbersOf("--ways", text, "/");
    if (numbersOfWay.length !== 3)
      throw new InputError(`--ways ${text}: H, outer rate and outer momentum are needed, such as 10/1/0.5`);
    const [every, outerRate, outerMomentum] = numbersOfWay;
    return { every, outerRate, outerMomentum };
  }

  /** Trains to the end. Returns the tokens that were read. */
  async function finish(course: Course): Promise<number> {
    let tokens = 0;
    while (!course.done) {
      for (const line of await course.advance()) tokens += "tokens" in line ? line.tokens : 0;
    }
    return tokens;
  }

  /** The perplexity after a training from `weights` on, or from nothing: in whole batches, or in rounds. */
  async function trained(
    seed: number,
    weights: Float32Array | undefined,
    steps: number,
    learningRate: number,
    way?: Way,
  ) {
    const model = new Transformer(config, seed);
    if (weights !== undefined) setFlat(model.parameters, "values", weights);
    const options: Partial<TrainingOptions> = {
      steps,
      seed,
      batchSize,
      learningRate,
      warmupSteps,
      attentionRate: 10,
      embeddingRate: 12,
    };
    const trainer =
      way === undefined ? new Trainer(model, seen, options) : new OuterTrainer(model, seen, options, { parts, ...way });
    const tokens = await finish(trainer);
    const { results } = evaluate(model, unseen, tokenizer, { memorySizes: [config.memory_size], maxTokens: UNSEEN });
    const after = flatCopy(model.parameters, "values");
    trainer.release();
    model.release();
    return { tokens, perplexity: results[0].perplexity, weights: after };
  }

  const ways = String(values.ways)
    .split(",")
    .map((text) => [text, wayOf(text)] as const);
  await useThreads(1);
  const seen = documents("train");
  const unseen = documents("valid");
  for (const seed of numbers("seeds")) {
    const first = before === 0 ? undefined : await trained(seed, undefined, before, rateBefore);
    if (first !== undefined)
      console.log(`seed ${seed}, before: ${first.perplexity.toFixed(3)} after ${first.tokens} tokens`);
    const whole = await trained(seed, first?.weights, steps, rate);
    console.log(`seed ${seed}, whole batches: ${whole.perplexity.toFixed(3)} after ${whole.tokens} tokens`);
    for (const [text, way] of ways) {
      const { perplexity, tokens } = await trained(seed, first?.weights, steps, partRate * rate, way);
      const more = (100 * (perplexity / whole.perplexity - 1)).toFixed(2);
      console.log(`seed ${seed}, ${parts} parts, ${text}: ${perplexity.toFixed(3)} after ${tokens} tokens, ${more} %`);
    }
  }
});
