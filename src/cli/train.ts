/** `memorizing train`: trains a model on a directory of documents, or resumes a saved run. */
import process from "node:process";
import { InputError } from "../base/errors.ts";
import { type Document, tokenizeDocuments } from "../data/corpus.ts";
import { TrainedDecoder } from "../families/trained-decoder.ts";
import type { TrainableModel } from "../nn/language-model.ts";
import { withLock } from "../platform/lock.ts";
import { writeStalenessPage } from "../report/html/staleness-page.ts";
import { ProgressLine, trainingLine, wholeNumber } from "../report/progress.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { Course } from "../train/course.ts";
import { type EvaluationResult, predictedOf } from "../train/evaluate.ts";
import { readMetrics } from "../train/metrics.ts";
import { type TrainingOptions, trainingFields } from "../train/options.ts";
import { runTraining, type TrainingRun } from "../train/run.ts";
import { holdsRun } from "../train/run-directory.ts";
import type { StepMetrics } from "../train/step-metrics.ts";
import { OuterTrainer } from "../train/together/outer-trainer.ts";
import { command } from "./arguments/command.ts";
import { fieldOptions, flag, givenOf, integer, required, text, type Values } from "./arguments/options.ts";
import { UsageError } from "./arguments/usage.ts";
import { withExchange } from "./cluster-options.ts";
import { type ClusterChoice, clusterTrainingOptions, leadOn, requireMeaning, requireRows } from "./cluster-training.ts";
import { documentsAt, selectionOptions } from "./documents.ts";
import { foreignOptions } from "./foreign-training.ts";
import { INTERRUPTED, interruptible } from "./interruption.ts";
import { defaultMemorySizes } from "./memories.ts";
import { configHelp, configOptions } from "./model-config.ts";
import { runOutputs } from "./outputs/directories.ts";
import { forceOption, Outputs } from "./outputs/outputs.ts";
import { printJson, printLine } from "./printing.ts";
import { summaries } from "./summaries.ts";
import { startThreads, threadsOption } from "./threads.ts";
import { beginRun, type Run, resumeRun } from "./training-start.ts";

const { warmupSteps, evaluateEvery, gradients: _, ...trainingOptions } = fieldOptions<TrainingOptions>(trainingFields);

const description = {
  name: "memorizing train",
  summary: summaries.train,
  options: {
    data: required(
      text("DIR|FILE", "documents to learn from: every file of a directory is one, and every sub-directory"),
    ),
    ...selectionOptions,
    out: required(text("DIR", "where the model, checkpoints and metrics.jsonl go")),
    from: text(
      "MODEL",
      "model whose weights, tokenizer and configuration the run begins with, to adapt it or its memory",
    ),
    ...foreignOptions,
    ...configOptions,
    tokenizer: text("FILE", "tokenizer.json [text is read as bytes]"),
    ...trainingOptions,
    warmup: warmupSteps,
    evalEvery: evaluateEvery,
    evalData: text("DIR|FILE", "documents that --eval-every evaluates, without and with memory"),
    evalTokens: integer("tokens evaluated in each document, from its beginning [all]", 1, 2 ** 40),
    ...clusterTrainingOptions,
    resume: flag(
      "resumes the run in --out; options that are left out stay as they were, but for --data, --eval-data and --eval-tokens",
    ),
    force: forceOption,
    threads: threadsOption,
    json: flag("prints the result as JSON"),
  },
  details: configHelp,
};

export const trainCommand = command(description, (values) => withLock(values.out, () => trainWith(values)));

async function trainWith(values: Values<typeof description.options>): Promise<number> {
  const { data, include, exclude, out, from, preset, config, set, tokenizer, evalData, evalTokens, ...others } = values;
  const { only, memory, segment, window, neighbours, memoryLayers, memoryDtype, ...own } = others;
  const { resume, force, threads, json, warmup, evalEvery, ...more } = own;
  const { cluster, credentials, workers, sync, outerRate, outerMomentum, quorum, deadline, ...plain } = more;
  const together = { cluster, credentials, workers, sync, outerRate, outerMomentum, quorum, deadline };
  requireMeaning(together);
  const foreign = { only, memory, segment, window, neighbours, memoryLayers, memoryDtype };
  const options = givenOf({ ...plain, warmupSteps: warmup, evaluateEvery: evalEvery });
  const progress = new ProgressLine(process.stderr);
  const documentsIn = (path: string) => documentsAt([path], { include, exclude }, progress);
  const documents = () => documentsIn(data);
  const isJoining = cluster !== undefined && holdsRun(out); // the same command goes on with it
  const source = isJoining ? undefined : from;
  const chosen = { documents, out, from: source, preset, config, set, tokenizer, foreign, together };
  const run = (resume || isJoining ? resumeRun : beginRun)(chosen, options);
  requireOptimizer(options, run.trainer.options);
  requireMemoryFor(options, run.trainer.model);
  if (evalTokens !== undefined && evalData === undefined) {
    throw new UsageError("--eval-tokens is about the documents of --eval-data, which must be given with it");
  }
  const evaluation = evaluationOf(run, evalData === undefined ? undefined : () => documentsIn(evalData), evalTokens);
  if (evaluation !== undefined && run.trainer.step > 0) requireSameEvaluation(out, evaluation, run.tokenizer);
  const inputs = [data, evalData, config, tokenizer];
  const outputs = new Outputs({
    outputs: runOutputs(out, run.trainer.model instanceof TrainedDecoder),
    models: [from],
    inputs,
    force,
  });
  await startThreads(threads);
  const evaluations = { evaluation, evaluateFirst: from !== undefined };
  const { last, interrupted } = await train(run, out, { ...evaluations, together }, progress);
  const { step, options: final } = run.trainer;
  if (final.stalenessEvery > 0) {
    outputs.check();
    writeStalenessPage(`${out}/staleness.html`, out, readMetrics(out));
  }
  const already = interrupted
    ? `step ${step} of ${final.steps}, as before`
    : `step ${step} of ${final.steps} is done already`;
  const text = last === undefined ? already : `checkpoint of step ${step}`;
  if (json) printJson({ directory: out, step, ...last });
  else printLine(`${out}: ${text}`);
  return interrupted ? INTERRUPTED : 0;
}

/** @throws UsageError if an option was given of the optimizer that is not used */
function requireOptimizer(given: Partial<TrainingOptions>, { optimizer }: TrainingOptions): void {
  if (optimizer === "adamw") return;
  const options = { weightDecay: "--weight-decay", beta1: "--beta1", beta2: "--beta2", eps: "--eps" } as const;
  for (const [key, option] of Object.entries(options)) {
    if (Object.hasOwn(given, key))
      throw new UsageError(`${option} is one of AdamW; with --optimizer ${optimizer} it means nothing`);
  }
}

/** @throws UsageError if an option was given that is about memories, and the model has none */
function requireMemoryFor(given: Partial<TrainingOptions>, model: TrainableModel): void {
  if (model.memoryLayers.length > 0 && model.memorySize > 0) return;
  const options = { memorySizes: "--memory-sizes", stalenessEvery: "--staleness-every" } as const;
  for (const [key, option] of Object.entries(options)) {
    const value = given[key as keyof typeof options];
    if (value === undefined || value === 0 || (Array.isArray(value) && value.length === 0)) continue;
    throw new UsageError(`${option} is about memories, and this model has none`);
  }
}

/** @throws InputError if the run evaluated other tokens before: its curve would be of both */
function requireSameEvaluation(
  out: string,
  { documents, maxTokens }: NonNullable<ReturnType<typeof evaluationOf>>,
  tokenizer: Tokenizer,
): void {
  const before = readMetrics(out).find((line) => "evaluation" in line);
  if (before === undefined || !("evaluation" in before)) return;
  const { tokens } = predictedOf(documents, tokenizer, maxTokens);
  if (tokens === before.evaluation.tokens) return;
  throw new InputError(
    `the run in ${out} evaluated ${before.evaluation.tokens} tokens, and these are ${tokens}; give the same --eval-data and --eval-tokens`,
  );
}

/** The documents that the run evaluates from time to time, if it was asked to. */
function evaluationOf(
  { trainer, tokenizer }: Run,
  data: (() => readonly Document[]) | undefined,
  maxTokens: number | undefined,
) {
  const evaluates = trainer.options.evaluateEvery > 0;
  if (evaluates && data === undefined && trainer.step > 0) {
    const every = `the run evaluates every ${trainer.options.evaluateEvery} steps`;
    throw new UsageError(
      `${every}; give its --eval-data again, and its --eval-tokens if it had them, or --eval-every 0`,
    );
  }
  if (evaluates !== (data !== undefined)) {
    throw new UsageError("--eval-every N and --eval-data DIR need each other; give both, or none");
  }
  if (data === undefined) return undefined;
  const documents = tokenizeDocuments(data(), tokenizer, { framed: trainer.model.framesTexts });
  const memorySizes = defaultMemorySizes(trainer.model);
  return { documents, memorySizes, maxTokens, rows: trainer.options.batchSize };
}

type Training = Pick<TrainingRun, "evaluation" | "evaluateFirst"> & { readonly together: ClusterChoice };

/** Trains to the end or to Ctrl-C. Resolves to what the last step reported, if there was one. */
async function train(run: Run, directory: string, { together, ...evaluations }: Training, progress: ProgressLine) {
  const { trainer, tokenizer, notes = [] } = run;
  const { steps } = trainer.options;
  for (const note of notes) progress.note(note);
  progress.note(`${wholeNumber(trainer.model.parameters.count)} parameters, steps ${trainer.step} to ${steps}`);
  let last: StepMetrics | undefined;
  const onStep = (metrics: StepMetrics) => {
    last = metrics;
    progress.show(trainingLine(metrics, steps));
  };
  const onEvaluation = (result: EvaluationResult, step: number) =>
    progress.note(`step ${step}  ${evaluationLine(result)}`);
  const isInRounds = together.cluster !== undefined || trainer instanceof OuterTrainer;
  const onEnd = () => progress.note(isInRounds ? ENDING_ROUND : ENDING);
  const interrupted = await interruptible(onEnd, (signal) =>
    onCluster(run, directory, { together, progress, signal }, (course) =>
      runTraining(course, { tokenizer, directory, ...evaluations, signal, onStep, onEvaluation }),
    ),
  ).finally(() => progress.end());
  if (interrupted) progress.note(interruption(trainer.step, together));
  return { last, interrupted };
}

function interruption(step: number, { cluster }: ClusterChoice): string {
  if (step === 0) return "interrupted before the first step was done; the same command begins anew";
  const resume = cluster === undefined ? "--resume" : "the same command";
  return `interrupted after step ${step}, which is saved; ${resume} continues from there`;
}

const ENDING = "finishing this step, then saving; Ctrl-C again ends at once and saves nothing";
const ENDING_ROUND = "leaving this round to be begun anew, and saving; Ctrl-C again ends at once";

interface Surroundings {
  readonly together: ClusterChoice;
  readonly progress: ProgressLine;
  readonly signal: AbortSignal;
}

/** Runs `work` with the training as it is computed here, or by the workers of a cluster. */
async function onCluster(
  run: Run,
  directory: string,
  { together, progress, signal }: Surroundings,
  work: (course: Course) => Promise<void>,
): Promise<void> {
  const { cluster, credentials } = together;
  if (cluster === undefined || run.trainer.done) return work(run.trainer);
  requireRows(run.trainer, together);
  const warn = (sentence: string) => progress.note(sentence);
  return withExchange(cluster, { credentials, warn }, async (exchange) => {
    const led = await leadOn(exchange, run, directory, together, progress, signal);
    if (led === undefined) return;
    await work(led.course).finally(led.end);
  });
}

/** `memory 0: perplexity 21.3  memory 8,192: perplexity 19.8` */
function evaluationLine({ results }: EvaluationResult): string {
  const parts = results.map(
    ({ memory, perplexity }) => `memory ${wholeNumber(memory)}: perplexity ${perplexity.toPrecision(4)}`,
  );
  return parts.join("  ");
}
