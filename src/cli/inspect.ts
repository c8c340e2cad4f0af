/** `memorizing inspect`: reads a document with and without memory, and shows what was retrieved and what it helped. */
import process from "node:process";
import { documentsFromFiles, textOf } from "../data/corpus.ts";
import { inspect } from "../model/inspect.ts";
import { summarize } from "../model/inspection-summary.ts";
import { InspectedText } from "../report/inspected-text.ts";
import { inspectionJson } from "../report/inspection-json.ts";
import { inspectionTables } from "../report/inspection-table.ts";
import { ProgressLine, tokenProgress } from "../report/progress.ts";
import { wordsOfTokens } from "../text/words.ts";
import { loadModel } from "../train/checkpoint.ts";
import { command } from "./command.ts";
import { flag, integer } from "./options.ts";
import { startThreads, threadsOption } from "./threads.ts";

/** Tokens in the list of those that gained most. */
const MOST_GAINED = 10;

export const inspectCommand = command(
  {
    name: "memorizing inspect",
    summary: "shows what a model retrieves while it reads a document, and what that helps",
    operands: ["MODEL", "FILE"],
    options: {
      memory: integer("memory size; the model's own unless given", 1, 2 ** 24),
      maxTokens: integer("tokens predicted, from the beginning; all unless given", 1, 2 ** 40),
      top: integer("retrieved pairs kept for each token, those with the largest shares; 8 unless given", 1, 1024),
      threads: threadsOption,
      json: flag("prints everything, token by token, as JSON"),
    },
    details: () => "MODEL is a directory with config.json, model.safetensors and tokenizer.json, such as a checkpoint.",
  },
  async ({ memory, maxTokens = Number.POSITIVE_INFINITY, top, threads, json }, [directory, file]) => {
    const { model, tokenizer } = loadModel(directory);
    const [document] = documentsFromFiles([file]);
    const ids = tokenizer.encode(textOf(document)).subarray(0, maxTokens + 1);
    await startThreads(threads);
    const progress = new ProgressLine(process.stderr);
    const onProgress = tokenProgress(progress, "reading");
    const inspection = await inspect(model, tokenizer, ids, { name: file, memorySize: memory, top, onProgress });
    progress.end();
    const text = new InspectedText(inspection, tokenizer);
    const summary = summarize(inspection, wordsOfTokens(text.texts), MOST_GAINED);
    if (json) for (const piece of inspectionJson(inspection, summary, text)) process.stdout.write(piece);
    else process.stdout.write(`${inspectionTables(inspection, summary, text)}\n`);
    return 0;
  },
);
