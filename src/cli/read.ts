/** `memorizing read`: turns documents into a memory, which is kept in a file and known to the model from then on. */
import { InputError } from "../base/errors.ts";
import { type Document, tokenizeDocuments } from "../data/corpus.ts";
import { memorizeDocuments } from "../model/generate.ts";
import { fileState } from "../platform/files.ts";
import { pathText } from "../platform/path-bytes.ts";
import { followLinks } from "../platform/target.ts";
import { ProgressLine, tokenProgress, wholeNumber } from "../report/progress.ts";
import { command } from "./arguments/command.ts";
import { flag, integer, required, text } from "./arguments/options.ts";
import { documentsAt, selectionOptions } from "./documents.ts";
import { INTERRUPTED, interruptible, notSaved } from "./interruption.ts";
import { requireMemory, saveMemory, stateWith } from "./memories.ts";
import { MODEL_HELP, openForReading, readingOptions } from "./models.ts";
import { memoryFile } from "./outputs/kinds.ts";
import { forceOption, Outputs } from "./outputs/outputs.ts";
import { printJson, printLine } from "./printing.ts";
import { summaries } from "./summaries.ts";
import { startThreads, threadsOption } from "./threads.ts";

export const readCommand = command(
  {
    name: "memorizing read",
    summary: summaries.read,
    operands: ["MODEL", "FILE…"],
    options: {
      save: required(
        text("FILE", "where the memory goes, customarily NAME.memory.safetensors; one of that name is replaced"),
      ),
      append: flag("adds to the memory that is already in that file"),
      ...selectionOptions,
      force: forceOption,
      memory: integer("memory size [that of the file with --append, else the model's]", 1, 2 ** 24),
      ...readingOptions,
      threads: threadsOption,
      json: flag("prints the result as JSON"),
    },
    details: () =>
      `${MODEL_HELP}\n` +
      "FILE is a document, - for standard input, or a directory of documents. They are read in the order\n" +
      "given. Hidden folders, node_modules and binary files in a directory are left out.",
  },
  async ({ save, append, include, exclude, force, memory, threads, json, ...reading }, [directory, ...paths]) => {
    const progress = new ProgressLine(process.stderr);
    const files = documentsAt(paths, { include, exclude }, progress).map(namedByFile);
    const inputs = files.flatMap((document) => document.files);
    const output = { option: "--save", path: save, kind: memoryFile };
    const outputs = new Outputs({ outputs: [output], models: [directory], inputs, force });
    const version = versionOf(save);
    const { model, tokenizer, known } = openForReading(directory, reading, progress, append ? save : undefined);
    const state = stateWith(known, model, tokenizer, memory);
    requireMemory(state, directory);
    const documents = tokenizeDocuments(files, tokenizer, { framed: model.framesTexts });
    await startThreads(threads);
    const onProgress = tokenProgress(progress, "reading");
    const interrupted = await interruptible(
      () => progress.end(),
      (signal) => memorizeDocuments(model, state, documents, { onProgress, signal }),
    ).finally(() => progress.end());
    if (interrupted) {
      progress.note(notSaved(save));
      return INTERRUPTED;
    }
    outputs.check();
    const requireSame = () => {
      if (!append || versionOf(save) === version) return;
      throw new InputError(
        `${save} was changed while documents were read, and is left as it is now; give the same command again`,
      );
    };
    const { length, size, sources } = saveMemory(save, state, model, requireSame);
    const count = sources?.documents.length;
    const result = { file: save, documents: count, tokens: length, memory: size };
    const line = `${save}: ${wholeNumber(length)} of at most ${wholeNumber(size)} tokens, documents: ${count}`;
    if (json) printJson(result, outputs.results);
    else printLine(line, outputs.results);
    return 0;
  },
);

/** Another text whenever the content of a file is another one. */
function versionOf(path: string): string | undefined {
  return fileState(followLinks(path)[0])?.version;
}

/** A document of one file by its path, so that it is found again where it is cited. */
function namedByFile(document: Document): Document {
  const isFile = document.text === undefined && document.files.length === 1;
  return isFile ? { ...document, name: pathText(document.files[0]) } : document;
}
