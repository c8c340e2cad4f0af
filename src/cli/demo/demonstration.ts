/**
 * Shows the effect of memory on a model that reads some documents and is tested on another: perplexity by memory size, the tokens that
 * gained most and what was retrieved for them, a text written with and without memory. Everything is measured as `eval`,
 * `inspect` and `generate` do, from one reading of the documents.
 */
import { type Document, textOf } from "../../data/corpus.ts";
import { inspect } from "../../inspect/inspect.ts";
import { summarize } from "../../inspect/inspection-summary.ts";
import type { MemorySnapshot } from "../../memory/snapshot.ts";
import type { GenerationOptions } from "../../model/generate.ts";
import { Reader } from "../../reader.ts";
import { writeInspectionPage } from "../../report/html/inspection-page.ts";
import { InspectedText } from "../../report/inspected-text.ts";
import { mostGainedList } from "../../report/inspection-table.ts";
import { memoryTable } from "../../report/memory-table.ts";
import { type ProgressLine, tokenProgress, wholeNumber } from "../../report/progress.ts";
import { wordsOfTokens } from "../../text/words.ts";
import type { Pretrained } from "../../train/checkpoint.ts";
import { evaluate } from "../../train/evaluate.ts";
import { brotliBits } from "./compressor.ts";
import type { DemoDocuments } from "./demo-documents.ts";

export interface DemonstrationOptions {
  /** M of each line of the table, in ascending order; the rest of the demonstration uses the last. */
  readonly memorySizes: readonly number[];
  /** Tokens of the tested document that are predicted. */
  readonly tokens: number;
  /** Tokens in the list of those that gained most. */
  readonly mostGained: number;
  readonly prompt: string;
  /** How the prompt is continued. */
  readonly writing: Partial<GenerationOptions>;
  /** Path of the inspection's page, and what it says of its origin. */
  readonly page: string;
  readonly origin: string;
  /** Takes the results, paragraph by paragraph. */
  readonly write: (text: string) => void;
  readonly progress: ProgressLine;
}

/** Writes the page, and tells everything else. */
export async function demonstrate(
  pretrained: Pretrained,
  documents: DemoDocuments,
  options: DemonstrationOptions,
): Promise<void> {
  const reader = new Reader(pretrained.model, pretrained.tokenizer, { memorySize: Math.max(...options.memorySizes) });
  const tell = (paragraph: string) => options.write(`${paragraph}\n\n`);
  await readAll(reader, documents.read, options.progress);
  tell(`${wholeNumber(reader.remembered)} tokens are remembered`);
  const task: Task = { pretrained, documents, options, known: reader.snapshot() };
  tell(perplexities(task));
  tell(await retrievals(task));
  tell(`a text that begins with\n${indented(options.prompt)}`);
  const forgetful = new Reader(pretrained.model, pretrained.tokenizer, { memorySize: 0 });
  tell(`goes on, without memory\n${indented(await continuation(forgetful, options))}`);
  tell(`and with it\n${indented(await continuation(reader, options))}`);
  forgetful.release();
  reader.release();
}

/** Everything that the parts of the demonstration share. */
interface Task {
  readonly pretrained: Pretrained;
  readonly documents: DemoDocuments;
  readonly options: DemonstrationOptions;
  /** The memory of the documents that were read. */
  readonly known: MemorySnapshot;
}

async function readAll(reader: Reader, documents: readonly Document[], progress: ProgressLine): Promise<void> {
  for (const [i, document] of documents.entries()) {
    progress.show(`reading ${i + 1}/${documents.length}  ${document.name}`);
    await reader.read(textOf(document), { name: document.name });
  }
  progress.end();
}

/** The tokens of the test; the first one is given, all others are predicted. */
function testedTokens({ pretrained, documents, options }: Task): Int32Array {
  return pretrained.tokenizer.encode(textOf(documents.tested)).subarray(0, options.tokens + 1);
}

function perplexities(task: Task): string {
  const { pretrained, documents, options, known } = task;
  const { name } = documents.tested;
  const ids = testedTokens(task);
  const onProgress = tokenProgress(options.progress, "predicting");
  const { memorySizes } = options;
  const test = [{ name, tokens: () => ids }];
  const result = evaluate(pretrained.model, test, pretrained.tokenizer, { memorySizes, known, onProgress });
  options.progress.end();
  return `how well ${name} is predicted, by how many tokens the memory holds\n${memoryTable(result)}\n${compressed(task, ids)}`;
}

/** What the best of the compressors that come with every engine makes of the same bytes. */
function compressed({ pretrained: { tokenizer }, documents: { read } }: Task, ids: Int32Array): string {
  const before = read.map(textOf).join("") + tokenizer.decode(ids.subarray(0, 1));
  const bits = brotliBits(before, tokenizer.decode(ids.subarray(1)));
  return `brotli -11, after the same files: ${bits.toFixed(4)} bits/byte`;
}

async function retrievals(task: Task): Promise<string> {
  const { pretrained, documents, options, known } = task;
  const { model, tokenizer } = pretrained;
  const { name } = documents.tested;
  const onProgress = tokenProgress(options.progress, "inspecting");
  const inspection = await inspect(model, tokenizer, testedTokens(task), { name, known, onProgress });
  options.progress.end();
  const text = new InspectedText(inspection, tokenizer, documents.testedFiles);
  const summary = summarize(inspection, wordsOfTokens(text.texts), options.mostGained);
  writeInspectionPage(options.page, inspection, summary, text, options.origin);
  return mostGainedList(inspection, summary, text);
}

async function continuation(reader: Reader, { prompt, writing }: DemonstrationOptions): Promise<string> {
  let text = "";
  for await (const piece of reader.generate(prompt, writing)) text += piece.text;
  return text;
}

/** Without characters that would move the cursor. */
function indented(text: string): string {
  return text.replaceAll(/^/gm, "    ").replaceAll(/[^\P{Cc}\n]/gu, "·");
}
