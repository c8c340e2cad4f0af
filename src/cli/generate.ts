/** `memorizing generate`: reads documents into a model's memory and lets it write on. */
import process from "node:process";
import { tokenizeDocuments } from "../data/corpus.ts";
import {
  type GenerationOptions,
  generate,
  generationFields,
  memorizeDocuments,
  memorizeLast,
  readDocuments,
} from "../model/generate.ts";
import { type LanguageModel, promptIds } from "../nn/language-model.ts";
import type { OpenedModel } from "../nn/opened-model.ts";
import { ProgressLine, tokenProgress } from "../report/progress.ts";
import { encodePrompt } from "../text/chat.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { command } from "./arguments/command.ts";
import { fieldOptions, flag, givenOf, integer, text, texts, wellFormedText } from "./arguments/options.ts";
import { UsageError } from "./arguments/usage.ts";
import { documentsAt, selectionOptions } from "./documents.ts";
import { INTERRUPTED, interruptible, notSaved } from "./interruption.ts";
import { loadOption, requireMemory, saveMemory, stateWith } from "./memories.ts";
import { servedOptions, withServed } from "./memory-at.ts";
import { MODEL_HELP, openForReading, readingOptions } from "./models.ts";
import { memoryFile } from "./outputs/kinds.ts";
import { forceOption, Outputs } from "./outputs/outputs.ts";
import { printGenerated } from "./printing.ts";
import { summaries } from "./summaries.ts";
import { startThreads, threadsOption } from "./threads.ts";

/** The tokens of a prompt, which begins a text or continues the last document; none for an empty one. */
function promptTokens(model: LanguageModel, tokenizer: Tokenizer, prompt: string, begins: boolean): Int32Array {
  return begins && prompt !== "" ? promptIds(model, tokenizer, prompt) : tokenizer.encode(prompt);
}

/** The tokens of a conversation that begins with a message of the user, up to where the answer begins. */
function messageIds({ tokenizer, chatTemplate }: OpenedModel, content: string): Int32Array {
  return encodePrompt(tokenizer, chatTemplate().render([{ role: "user", content }]));
}

export const generateCommand = command(
  {
    name: "memorizing generate",
    summary: summaries.generate,
    operands: ["MODEL"],
    options: {
      load: loadOption("it comes before everything that is read"),
      ...servedOptions,
      read: texts("DIR|FILE", "documents that are memorized first, one after the other; - is standard input"),
      ...selectionOptions,
      prompt: wellFormedText("TEXT", "text that the model continues [the end of the last document]"),
      chat: flag("takes the prompt for a message to a model that was taught to converse, and writes its answer"),
      ...fieldOptions<GenerationOptions>(generationFields),
      memory: integer("memory size, 0 for none [that of the model, or of --load]", 0, 2 ** 24),
      save: text("FILE", "gets the memory with all that was read and written"),
      force: forceOption,
      ...readingOptions,
      threads: threadsOption,
    },
    details: () => MODEL_HELP,
  },
  async (values, [directory]) => {
    const { load, read, include, exclude, prompt = "", chat, memory, save, force, threads, ...others } = values;
    const { window, neighbours, memoryLayers, memoryDtype, weights, set, ...rest } = others;
    const { memoryAt, bestEffort, patience, credentials, ...options } = rest;
    if (chat && prompt === "") throw new UsageError("--chat needs the message that is answered; give --prompt TEXT");
    const progress = new ProgressLine(process.stderr);
    const files = documentsAt(read, { include, exclude }, progress);
    const inputs = [load, ...files.flatMap((document) => document.files)];
    const memories = save === undefined ? [] : [{ option: "--save", path: save, kind: memoryFile }];
    const outputs = new Outputs({ outputs: memories, models: [directory], inputs, force });
    const { results } = outputs;
    const reading = { window, neighbours, memoryLayers, memoryDtype, weights, set };
    const opened = openForReading(directory, reading, progress, load);
    const { model, tokenizer, known } = opened;
    const documents = tokenizeDocuments(files, tokenizer, { framed: model.framesTexts });
    const begins = documents.length === 0;
    const start = chat ? messageIds(opened, prompt) : promptTokens(model, tokenizer, prompt, begins);
    const served = { memoryAt, bestEffort, patience, credentials, load };
    const interrupted = await withServed(served, model, progress, async (pairs) => {
      const state = stateWith(known, model, tokenizer, memory, pairs);
      if (save !== undefined) requireMemory(state, directory);
      await startThreads(threads);
      const onProgress = tokenProgress(progress, "reading");
      let unread: number | undefined;
      const work = async (signal: AbortSignal) => {
        if (chat) await memorizeDocuments(model, state, documents, { onProgress, signal }); // which ends them
        const beginning = await readDocuments(model, state, chat ? [] : documents, start, { onProgress, signal });
        progress.end();
        if (signal.aborted) return;
        if (prompt !== "" || documents.length === 0) state.sources.at(0)?.openDocument("(prompt)");
        for await (const { id, text } of generate(model, tokenizer, state, beginning, {
          ...givenOf(options),
          signal,
        })) {
          printGenerated(text, results);
          unread = id;
        }
        if (!signal.aborted) unread ??= beginning.at(-1);
        printGenerated("\n", results);
      };
      const wasInterrupted = await interruptible(() => progress.end(), work).finally(() => progress.end());
      if (save !== undefined && wasInterrupted && unread === undefined) progress.note(notSaved(save));
      else if (save !== undefined) {
        outputs.check();
        if (unread !== undefined) memorizeLast(model, state, unread);
        saveMemory(save, state, model);
        if (wasInterrupted) progress.note(`interrupted; ${save} has all that was read and written`);
      }
      return wasInterrupted;
    });
    return interrupted ? INTERRUPTED : 0;
  },
);
