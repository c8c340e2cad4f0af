/** `memorizing eval`: perplexity and bits per byte with memories of several sizes, over exactly the same tokens. */
import process from "node:process";
import { breathe } from "../base/breathe.ts";
import type { Exchange } from "../cluster/exchange.ts";
import { tokenizeDocuments } from "../data/corpus.ts";
import { LossesFile } from "../report/losses.ts";
import { memoryTable } from "../report/memory-table.ts";
import { ProgressLine, tokenProgress } from "../report/progress.ts";
import { recallTable } from "../report/recall-table.ts";
import { type ClusterEvaluation, evaluateOnCluster } from "../train/document-jobs.ts";
import { type EvaluationResult, evaluationInSteps, type TokenLoss } from "../train/evaluate.ts";
import { modelDirectory } from "../train/model-directory.ts";
import { command } from "./arguments/command.ts";
import { flag, integer, integers, required, text, texts } from "./arguments/options.ts";
import { UsageError } from "./arguments/usage.ts";
import { clusterOptions, withExchange } from "./cluster-options.ts";
import { documentsAt, selectionOptions } from "./documents.ts";
import { INTERRUPTED, interruptible, notSaved } from "./interruption.ts";
import { defaultMemorySizes, loadOption } from "./memories.ts";
import { servedOptions, withServed } from "./memory-at.ts";
import { MODEL_HELP, openForReading, readingOptions } from "./models.ts";
import { lossesFile } from "./outputs/kinds.ts";
import { forceOption, type Output, Outputs } from "./outputs/outputs.ts";
import { printJson, printText } from "./printing.ts";
import { summaries } from "./summaries.ts";
import { startThreads, threadsOption } from "./threads.ts";

export const evalCommand = command(
  {
    name: "memorizing eval",
    summary: summaries.eval,
    operands: ["MODEL"],
    options: {
      data: required(texts("DIR|FILE", "documents: files, directories of documents, - for standard input")),
      ...selectionOptions,
      memory: integers("memory sizes, 0 for none [0 and that of the model, or of --load]", 0, 2 ** 24),
      load: loadOption("what every document begins with, unless the memory size is 0"),
      ...servedOptions,
      maxTokens: integer("tokens predicted in each document, from its beginning [all]", 1, 2 ** 40),
      recall: flag("measures which share of the exact nearest neighbours the memory search finds, layer by layer"),
      losses: text("FILE", "gets a JSON line for each token and memory size: document, index, token, memory, nats"),
      force: forceOption,
      ...readingOptions,
      ...clusterOptions,
      threads: threadsOption,
      json: flag("prints the result as JSON"),
    },
    details: () => MODEL_HELP,
  },
  async (
    {
      data,
      include,
      exclude,
      memory,
      load,
      memoryAt,
      bestEffort,
      patience,
      maxTokens,
      recall,
      losses,
      force,
      cluster,
      credentials,
      threads,
      json,
      ...reading
    },
    [directory],
  ) => {
    if (memoryAt !== undefined && cluster !== undefined) {
      throw new UsageError(
        "--cluster has other machines read the documents; they cannot have --memory-at, so give one of them",
      );
    }
    if (memoryAt !== undefined && recall) {
      throw new UsageError("--recall measures how well this process searches, so it cannot be given with --memory-at");
    }
    if (cluster !== undefined && (bestEffort || patience !== undefined)) {
      const option = bestEffort ? "--best-effort" : "--patience";
      throw new UsageError(`${option} is about the memory of --memory-at, which must be given with it`);
    }
    if (cluster !== undefined && threads !== undefined) {
      throw new UsageError("--threads means nothing with --cluster; give it to the workers");
    }
    const progress = new ProgressLine(process.stderr);
    const files = documentsAt(data, { include, exclude }, progress);
    const inputs = [load, ...files.flatMap((document) => document.files)];
    const outputs = new Outputs({ outputs: lossesAt(losses), models: [directory], inputs, force });
    const { model, tokenizer, known } = openForReading(directory, reading, progress, load);
    const memorySizes = memory ?? (known === undefined ? defaultMemorySizes(model) : [0, known.size]);
    if (recall && Math.max(...memorySizes) === 0) {
      throw new UsageError(`--recall needs a memory to search, but ${directory} is evaluated without one`);
    }
    const documents = tokenizeDocuments(files, tokenizer, { framed: model.framesTexts });
    const result = await withLosses(losses, outputs, async (onToken) => {
      if (cluster !== undefined) {
        const warn = (sentence: string) => progress.note(sentence);
        return withExchange(cluster, { credentials, warn }, (exchange) =>
          evaluateTogether(exchange, progress, {
            model: modelDirectory(directory),
            known: load,
            reading,
            memorySizes,
            maxTokens,
            recall,
            documents: files,
            tokenized: documents,
            tokenizer,
            onToken,
          }),
        );
      }
      await startThreads(threads);
      const onProgress = tokenProgress(progress, "evaluating");
      const options = { memorySizes, maxTokens, known, recall, onToken, onProgress };
      return withServed({ memoryAt, bestEffort, patience, credentials, load }, model, progress, (served) =>
        evaluateHere(evaluationInSteps(model, documents, tokenizer, { ...options, served }), progress),
      );
    });
    if (result === undefined) {
      if (losses !== undefined) progress.note(notSaved(losses));
      return INTERRUPTED;
    }
    progress.end();
    const tables = [memoryTable(result), ...(recall ? [recallTable(result)] : [])];
    if (json) printJson(summaryOf(result), outputs.results);
    else printText(`${tables.join("\n\n")}\n`, outputs.results);
    return 0;
  },
);

function lossesAt(path: string | undefined): Output[] {
  return path === undefined ? [] : [{ option: "--losses", path, kind: lossesFile }];
}

/** Takes the steps of an evaluation. Returns undefined if it was interrupted. */
async function evaluateHere(steps: Iterable<EvaluationResult | undefined>, progress: ProgressLine) {
  let result: EvaluationResult | undefined;
  const interrupted = await interruptible(
    () => progress.end(),
    async (signal) => {
      for (result of steps) {
        await breathe();
        if (signal.aborted) return;
      }
    },
  ).finally(() => progress.end());
  return interrupted ? undefined : result;
}

/** Lets workers evaluate the documents. Returns undefined if the waiting was interrupted. */
async function evaluateTogether(
  exchange: Exchange,
  progress: ProgressLine,
  evaluation: ClusterEvaluation,
): Promise<EvaluationResult | undefined> {
  let result: EvaluationResult | undefined;
  const onResult = (done: number, total: number) => progress.show(`document ${done} of ${total}`);
  const warn = () => progress.note("the workers go on; the same command joins in again");
  await interruptible(warn, async (signal) => {
    result = await evaluateOnCluster(exchange, { ...evaluation, signal, onResult });
  }).finally(() => progress.end());
  return result;
}

/** Runs `work`, and has it write its losses to `path` if there is one; an interrupted one leaves no file. */
async function withLosses(
  path: string | undefined,
  outputs: Outputs,
  work: (onToken: ((loss: TokenLoss) => void) | undefined) => Promise<EvaluationResult | undefined>,
): Promise<EvaluationResult | undefined> {
  if (path === undefined) return work(undefined);
  const file = new LossesFile(path);
  try {
    const result = await work((loss) => file.add(loss));
    if (result === undefined) {
      file.discard();
      return undefined;
    }
    outputs.check();
    file.finish();
    return result;
  } catch (error) {
    file.discard();
    throw error;
  }
}

/** The result as `--json` prints it. */
function summaryOf({ tokens, bytes, results }: EvaluationResult) {
  const rows = results.map(({ nats: _, ...row }) => row);
  return { tokens, bytes, results: rows };
}
