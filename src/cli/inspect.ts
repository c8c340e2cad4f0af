/** `memorizing inspect`: reads a document with and without memory, and shows what was retrieved and what it helped. */
import process from "node:process";
import { textOf } from "../data/corpus.ts";
import { inspect } from "../inspect/inspect.ts";
import { summarize } from "../inspect/inspection-summary.ts";
import { documentIds } from "../nn/language-model.ts";
import { writeInspectionPage } from "../report/html/inspection-page.ts";
import { MOST_PAIRS } from "../report/html/report-data.ts";
import { InspectedText } from "../report/inspected-text.ts";
import { inspectionJson } from "../report/inspection-json.ts";
import { inspectionTables } from "../report/inspection-table.ts";
import { ProgressLine, tokenProgress } from "../report/progress.ts";
import { wordsOfTokens } from "../text/words.ts";
import { command } from "./arguments/command.ts";
import { flag, integer, text } from "./arguments/options.ts";
import { documentAt } from "./documents.ts";
import { loadOption } from "./memories.ts";
import { servedOptions, withServed } from "./memory-at.ts";
import { MODEL_HELP, openForReading, readingOptions } from "./models.ts";
import { reportPage } from "./outputs/kinds.ts";
import { forceOption, Outputs } from "./outputs/outputs.ts";
import { printJsonPieces, printText } from "./printing.ts";
import { reportOrigin } from "./report-origin.ts";
import { summaries } from "./summaries.ts";
import { startThreads, threadsOption } from "./threads.ts";

/** Tokens in the list of those that gained most. */
const MOST_GAINED = 10;

export const inspectCommand = command(
  {
    name: "memorizing inspect",
    summary: summaries.inspect,
    operands: ["MODEL", "FILE"],
    options: {
      memory: integer("memory size [that of the model, or of --load]", 1, 2 ** 24),
      load: loadOption("the document is read after it"),
      ...servedOptions,
      maxTokens: integer("tokens predicted, from the beginning [all]", 1, 2 ** 40),
      top: integer("retrieved pairs kept for each token, those with the largest shares [8]", 1, MOST_PAIRS),
      html: text("FILE", "gets the report: one HTML page with everything, for a browser"),
      force: forceOption,
      ...readingOptions,
      threads: threadsOption,
      json: flag("prints everything, token by token, as JSON"),
    },
    details: () => `${MODEL_HELP}\nFILE is a document, or - for standard input.`,
  },
  async ({ memory, load, maxTokens = Infinity, top, html, force, threads, json, ...others }, [directory, file]) => {
    const { memoryAt, bestEffort, patience, credentials, ...reading } = others;
    const page = html === undefined ? [] : [{ option: "--html", path: html, kind: reportPage }];
    const document = documentAt(file);
    const outputs = new Outputs({ outputs: page, models: [directory], inputs: [...document.files, load], force });
    const progress = new ProgressLine(process.stderr);
    const { model, tokenizer, known } = openForReading(directory, reading, progress, load);
    const ids = documentIds(model, tokenizer, textOf(document)).subarray(0, maxTokens + 1);
    await startThreads(threads);
    const onProgress = tokenProgress(progress, "reading");
    const options = { name: document.name, memorySize: memory, known, top, onProgress };
    const inspection = await withServed(
      { memoryAt, bestEffort, patience, credentials, load },
      model,
      progress,
      (served) => inspect(model, tokenizer, ids, { ...options, served }),
    );
    progress.end();
    const inspected = new InspectedText(inspection, tokenizer);
    const summary = summarize(inspection, wordsOfTokens(inspected.texts), MOST_GAINED);
    outputs.check();
    if (html !== undefined) writeInspectionPage(html, inspection, summary, inspected, reportOrigin(directory));
    if (json) printJsonPieces(inspectionJson(inspection, summary, inspected), outputs.results);
    else printText(`${inspectionTables(inspection, summary, inspected)}\n`, outputs.results);
    return 0;
  },
);
