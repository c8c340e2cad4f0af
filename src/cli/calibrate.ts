/** `memorizing calibrate`: finds the kv heads of a model that others trained in which a memory pays, and makes them its default. */
import process from "node:process";
import { InputError } from "../base/errors.ts";
import { CHOICE_PASSES, chooseHeads } from "../calibrate/choose-heads.ts";
import { headBytes } from "../calibrate/measure-set.ts";
import { rankHeads, rankingPasses } from "../calibrate/rank-heads.ts";
import { type CalibrationResult, calibrationJson, identityOf } from "../calibrate/result.ts";
import { type TokenizedDocument, tokenizeDocuments } from "../data/corpus.ts";
import { calibrationPath } from "../families/calibration.ts";
import type { Decoder } from "../families/decoder.ts";
import { loadForeign } from "../families/load-foreign.ts";
import { openDecoder } from "../families/open-foreign.ts";
import { readingSettings } from "../families/reading-settings.ts";
import { jsonText } from "../formats/json-file.ts";
import type { MemoryDtype } from "../memory/options.ts";
import { writeFileAtomic } from "../platform/atomic-write.ts";
import { isDirectory } from "../platform/files.ts";
import { calibrationTable } from "../report/calibration-table.ts";
import { writeCalibrationPage } from "../report/html/calibration-page.ts";
import { loadProgress, ProgressLine, tokenProgress } from "../report/progress.ts";
import { modelDirectory } from "../train/model-directory.ts";
import { isForeign } from "../train/open-model.ts";
import { command } from "./arguments/command.ts";
import { choiceOption, flag, givenOf, integer, required, text, texts } from "./arguments/options.ts";
import { UsageError } from "./arguments/usage.ts";
import { documentsAt, selectionOptions } from "./documents.ts";
import { weightsOption } from "./models.ts";
import { calibrationFile, reportPage } from "./outputs/kinds.ts";
import { forceOption, Outputs } from "./outputs/outputs.ts";
import { printJson, printText } from "./printing.ts";
import { summaries } from "./summaries.ts";
import { startThreads, threadsOption } from "./threads.ts";

/** Percent of the gain of all heads that the chosen set keeps, where no budget is given. */
const USUAL_SHARE = 75;
const USUAL_TOKENS = 2048;
const USUAL_ROUNDS = 3;
/** A pass that computes gradients takes as long as this many that do not. */
const GRADIENT_COST = 3;

export const calibrateCommand = command(
  {
    name: "memorizing calibrate",
    summary: summaries.calibrate,
    operands: ["MODEL"],
    options: {
      data: required(texts("DIR|FILE", "documents of the kind that will be read, longer than the window")),
      ...selectionOptions,
      gain: integer(`percent of the gain of all heads that the chosen ones keep at least [${USUAL_SHARE}]`, 0, 100),
      budget: integer("bytes of a remembered token that the chosen heads take at most, in place of --gain", 0, 2 ** 31),
      maxTokens: integer(`tokens read of each document, from its beginning [${USUAL_TOKENS}]`, 2, 2 ** 40),
      rounds: integer(`rounds in which two thirds of the heads are left out [${USUAL_ROUNDS}]`, 1, 10),
      window: integer("tokens before a segment that a token sees [512]", 0, 2 ** 24),
      neighbours: integer("remembered pairs that a head retrieves for a token [tried: 8 and 32]", 1, 2 ** 16),
      memoryDtype: choiceOption<MemoryDtype>(["float32", "float16"], "how pairs are remembered [float32]"),
      weights: weightsOption,
      out: text("FILE", "gets what was found [memory.json in MODEL, or NAME.memory.json next to NAME.gguf]"),
      html: text("FILE", "gets a report: a map of layers and heads, as one HTML page"),
      force: forceOption,
      threads: threadsOption,
      json: flag("prints the result as JSON"),
    },
    details: () =>
      "MODEL is one that others trained: a directory as transformers writes it, or one .gguf file. What is found is the\n" +
      "default of every command that reads with MODEL, and of openModel. --memory-layers all has every head remember.",
  },
  async (given, [named]) => {
    const { data, include, exclude, gain, budget, html, force, threads, json } = given;
    if (gain !== undefined && budget !== undefined) throw new UsageError("--gain and --budget exclude each other");
    const path = requireForeign(named);
    if (loadForeign(path).trained !== undefined) {
      throw new InputError(
        `${named} has a memory that was trained in some heads, and those remember; calibrate takes models without one`,
      );
    }
    const out = given.out ?? calibrationPath(path, isDirectory(path));
    const progress = new ProgressLine(process.stderr);
    const files = documentsAt(data, { include, exclude }, progress);
    const page = html === undefined ? [] : [{ option: "--html", path: html, kind: reportPage }];
    const file = { option: given.out === undefined ? undefined : "--out", path: out, kind: calibrationFile };
    const inputs = files.flatMap((document) => document.files);
    const outputs = new Outputs({ outputs: [file, ...page], models: [named], inputs, force });
    await startThreads(threads);
    const { maxTokens = USUAL_TOKENS, rounds = USUAL_ROUNDS, window, neighbours, memoryDtype, weights } = given;
    const settings = givenOf({ window, neighbours, memoryDtype });
    const opened = (kind: typeof weights) =>
      openDecoder(loadForeign(path), {
        ...settings,
        memoryLayers: "all",
        weights: kind,
        onProgress: loadProgress(progress),
      });

    const floats = opened("float32");
    progress.pass();
    for (const note of floats.notes) progress.note(note);
    requireBudget(budget, headBytes(floats.model, memoryDtype ?? "float32"));
    const documents = tokenizeDocuments(files, floats.tokenizer, { framed: true });
    requireLongDocuments(floats.model, documents, maxTokens);
    const tokens = documents.reduce((sum, document) => sum + predicted(document, maxTokens), 0);
    const follow = followed(tokens, rounds, tokenProgress(progress, "calibrating"));
    const reading = { documents, maxTokens, settings };
    const ranking = follow(rankHeads(floats.model, reading, rounds), GRADIENT_COST);
    floats.model.release(); // what is measured is measured with the weights as users have them

    const { model } = opened(weights);
    const wanted = budget === undefined ? { share: (gain ?? USUAL_SHARE) / 100 } : { bytesPerToken: budget };
    const choice = follow(chooseHeads(model, ranking, reading, wanted), 1);
    progress.end();
    const names = documents.map(({ name }) => name);
    const result: CalibrationResult = {
      name: named,
      ...identityOf(model),
      documents: names,
      read: settings,
      tokens,
      ranking,
      choice,
    };
    outputs.check();
    writeFileAtomic(out, jsonText(calibrationJson(result)));
    if (html !== undefined) writeCalibrationPage(html, result);
    if (json) printJson({ file: out, ...calibrationJson(result) }, outputs.results);
    else printText(`${calibrationTable(result)}\nwritten to ${out}\n`, outputs.results);
    return 0;
  },
);

/** The path of a model that others trained. */
function requireForeign(named: string): string {
  const path = modelDirectory(named);
  if (isForeign(path)) return path;
  throw new InputError(
    `${named} is a model of this program, which was trained with its memory layers; calibrate takes models that others trained`,
  );
}

/** Refuses bytes that do not pay for a head. */
function requireBudget(budget: number | undefined, bytes: number): void {
  if (budget === undefined || budget >= bytes) return;
  throw new UsageError(`--budget ${budget} pays for no head: a remembered token takes ${bytes} bytes in each`);
}

function predicted(document: TokenizedDocument, maxTokens: number): number {
  return Math.max(0, Math.min(maxTokens, document.tokens().length - 1));
}

/** @throws InputError if nothing leaves the window in any document */
function requireLongDocuments(model: Decoder, documents: readonly TokenizedDocument[], maxTokens: number): void {
  const { window, segment, sinks } = readingSettings(model.architecture, model.settings);
  const longest = Math.max(...documents.map((document) => predicted(document, maxTokens)));
  const least = window + segment + sinks;
  if (longest > least) return;
  const whole = Math.max(...documents.map((document) => predicted(document, Number.POSITIVE_INFINITY)));
  if (whole > least) {
    throw new InputError(`--max-tokens must be above ${least} here, since a memory is used only after so many tokens`);
  }
  throw new InputError(
    `the documents are too short: at most ${longest} tokens are predicted in one, and a memory is used only after ${least}`,
  );
}

/** Runs generators that yield numbers of tokens to their ends, and shows how much of all work is done, weighed by its cost. */
function followed(tokens: number, rounds: number, onProgress: (done: number, total: number) => void) {
  const total = tokens * (rankingPasses(rounds) * GRADIENT_COST + CHOICE_PASSES);
  let done = 0;
  return <T>(work: Generator<number, T>, cost: number): T => {
    for (;;) {
      const { done: ended, value } = work.next();
      if (ended) return value;
      done += value * cost;
      onProgress(Math.min(done, total), total);
    }
  };
}
