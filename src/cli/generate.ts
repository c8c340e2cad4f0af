/** `memorizing generate`: reads documents into a model's memory and lets it write on. */
import process from "node:process";
import { tokenizeDocuments } from "../data/corpus.ts";
import { type GenerationOptions, generate, generationFields, readDocuments } from "../model/generate.ts";
import { ProgressLine, tokenProgress } from "../report/progress.ts";
import { loadModel } from "../train/checkpoint.ts";
import { command } from "./arguments/command.ts";
import { fieldOptions, givenOf, integer, text, texts, wellFormedText } from "./arguments/options.ts";
import { documentsAt, selectionOptions } from "./documents.ts";
import { loadOption, memoryAt, requireMemory, saveMemory, stateWith } from "./memories.ts";
import { setOption } from "./model-config.ts";
import { printGenerated } from "./output.ts";
import { summaries } from "./summaries.ts";
import { startThreads, threadsOption } from "./threads.ts";
import { requireWritableFile } from "./writable.ts";

export const generateCommand = command(
  {
    name: "memorizing generate",
    summary: summaries.generate,
    operands: ["MODEL"],
    options: {
      load: loadOption("it comes before everything that is read"),
      read: texts("DIR|FILE", "documents that are memorized first, one after the other; - is standard input"),
      ...selectionOptions,
      prompt: wellFormedText("TEXT", "what the model goes on from; the end of the last document unless given"),
      ...fieldOptions<GenerationOptions>(generationFields),
      memory: integer("memory size, 0 for none; the model's own, or that of --load, unless given", 0, 2 ** 24),
      save: text("FILE", "gets the memory with all that was read and written"),
      set: setOption,
      threads: threadsOption,
    },
    details: () => "MODEL is a directory with config.json, model.safetensors and tokenizer.json, such as a checkpoint.",
  },
  async ({ load, read, include, exclude, prompt = "", memory, save, set, threads, ...options }, [directory]) => {
    const { model, tokenizer } = loadModel(directory, set);
    const progress = new ProgressLine(process.stderr);
    const documents = tokenizeDocuments(documentsAt(read, { include, exclude }, progress), tokenizer);
    const state = stateWith(memoryAt(load, model), model, tokenizer, memory);
    if (save !== undefined) requireMemory(state, directory);
    if (save !== undefined) requireWritableFile(save);
    await startThreads(threads);
    const onProgress = tokenProgress(progress, "reading");
    const beginning = await readDocuments(model, state, documents, tokenizer.encode(prompt), { onProgress });
    progress.end();
    if (prompt !== "" || documents.length === 0) state.sources.at(0)?.openDocument("(prompt)");
    const written = generate(model, tokenizer, state, beginning, givenOf(options));
    for await (const { text } of written) printGenerated(text);
    printGenerated("\n");
    if (save !== undefined) saveMemory(save, state, model);
    return 0;
  },
);
