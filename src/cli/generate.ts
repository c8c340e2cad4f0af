/** `memorizing generate`: reads documents into a model's memory and lets it write on. */
import process from "node:process";
import { documentsFromFiles, tokenizeDocuments } from "../data/corpus.ts";
import { type GenerationOptions, generate, generationFields, readDocuments } from "../model/generate.ts";
import { ProgressLine, tokenProgress } from "../report/progress.ts";
import { loadModel } from "../train/checkpoint.ts";
import { command } from "./command.ts";
import { fieldOptions, givenOf, integer, text, texts } from "./options.ts";
import { startThreads, threadsOption } from "./threads.ts";

export const generateCommand = command(
  {
    name: "memorizing generate",
    summary: "reads documents into a model's memory and lets it write on",
    operands: ["MODEL"],
    options: {
      read: texts("FILE", "documents that are memorized first, one after the other"),
      prompt: text("TEXT", "what the model goes on from; the end of the last document unless given"),
      ...fieldOptions<GenerationOptions>(generationFields),
      memory: integer("memory size, 0 for none; the model's own unless given", 0, 2 ** 24),
      threads: threadsOption,
    },
    details: () => "MODEL is a directory with config.json, model.safetensors and tokenizer.json, such as a checkpoint.",
  },
  async ({ read, prompt = "", memory, threads, ...options }, [directory]) => {
    const { model, tokenizer } = loadModel(directory);
    const documents = tokenizeDocuments(documentsFromFiles(read), tokenizer);
    await startThreads(threads);
    const state = model.newState({ rows: 1, memorySize: memory });
    const progress = new ProgressLine(process.stderr);
    const onProgress = tokenProgress(progress, "reading");
    const beginning = await readDocuments(model, state, documents, tokenizer.encode(prompt), { onProgress });
    progress.end();
    const written = generate(model, tokenizer, state, beginning, givenOf(options));
    for await (const { text } of written) process.stdout.write(text);
    process.stdout.write("\n");
    return 0;
  },
);
