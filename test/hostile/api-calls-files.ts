/** The public functions that read and write files, all in one directory; and those that only the runtime can call. */
import * as library from "../../src/node.ts";
import type { Call } from "./api-calls.ts";
import type { World } from "./api-world.ts";
import { snapshot } from "./seeds.ts";

/** Functions that no call is made of, and why. */
export const EXCLUDED: Readonly<Record<string, string>> = {
  InputError: "an error",
  NotFiniteError: "an error",
  OutOfMemoryError: "an error",
  ReleasedError: "an error",
  ThreadDeathError: "an error",
  useThreads: "threads are made for the whole process",
  webThread: "as useThreads",
  nodeThread: "as useThreads",
  threadCount: "it has no arguments",
  ready: "it has no arguments",
  tape: "it has no arguments",
  tapeTable: "it has no arguments",
  SqlMemory: "it asks a database; test/memory/sql-memory.test.ts has what it refuses",
  openModelFromUrl: "it asks the network; test/model/open-url.test.ts has what it refuses",
};

/** Keeps a call's reads and writes in `directory`: every other path in the first argument becomes one there. */
function within(directory: string, { args, run, ...call }: Call): Call {
  const moved = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(moved);
    const isElsewhere = typeof value === "string" && !value.startsWith(directory);
    return isElsewhere && value !== "" && !value.includes("\0") ? `${directory}/strange-${value.length}` : value;
  };
  const place = (value: unknown) => {
    const { files }: { files?: unknown } = Object(value);
    return files === undefined ? moved(value) : { ...(value as object), files: moved(files) };
  };
  const first = (value: unknown) => (Array.isArray(value) ? value.map(place) : place(value));
  return { ...call, args, run: (...given: never[]) => run(...([first(given[0]), ...given.slice(1)] as never[])) };
}

/** `directory` holds a model in `model`, a checkpoint in `run`, a document `a.txt` and a memory `m`. */
export function fileCalls(world: World, directory: string): Call[] {
  const { model, tokenizer, trainer, documents } = world;
  const at = (name: string) => `${directory}/${name}`;
  const document = { name: "a", files: [at("a.txt")] };
  const calls: Call[] = [
    { name: "documentsFromFiles", args: () => [[at("a.txt")]], run: library.documentsFromFiles },
    {
      name: "documentsInDirectory",
      args: () => [at("texts"), { extensions: [".txt"] }],
      run: library.documentsInDirectory,
    },
    { name: "textOf", args: () => [document], run: library.textOf },
    { name: "tokenizeDocuments", args: () => [[document], tokenizer], run: library.tokenizeDocuments },
    { name: "readMemory", args: () => [at("m")], run: library.readMemory },
    { name: "writeMemory", args: () => [at("written"), snapshot(3)], run: library.writeMemory },
    { name: "withLock", args: () => [at("locked"), async () => 1], run: library.withLock },
    { name: "loadModel", args: () => [at("model"), ["memory_size=9"]], run: library.loadModel },
    { name: "openModel", args: () => [at("model"), { neighbours: 3, memorySize: 9 }], run: library.openModel },
    {
      name: "openModelForTraining",
      args: () => [at("foreign"), "offsets", { segment: 5, window: 9, memorySize: 9 }],
      run: library.openModelForTraining,
    },
    { name: "modelExport", args: () => [at("foreign"), { dtype: "bfloat16" }], run: library.modelExport },
    { name: "describeModel", args: () => [at("model")], run: library.describeModel },
    { name: "saveModel", args: () => [at("saved"), model, tokenizer, { dtype: "float16" }], run: library.saveModel },
    { name: "loadCheckpoint", args: () => [at("run")], run: library.loadCheckpoint },
    { name: "saveCheckpoint", args: () => [at("other"), trainer, tokenizer], run: library.saveCheckpoint },
    { name: "loadAnyCheckpoint", args: () => [at("run")], run: library.loadAnyCheckpoint },
    { name: "newestAnyCheckpoint", args: () => [at("run")], run: library.newestAnyCheckpoint },
    { name: "newestCheckpoint", args: () => [at("run")], run: library.newestCheckpoint },
    {
      name: "runTraining",
      on: trainer,
      args: () => {
        const controller = new AbortController();
        controller.abort();
        const evaluation = { documents, memorySizes: [0] };
        return [trainer, { tokenizer, evaluation, signal: controller.signal, onStep: () => undefined }];
      },
      run: library.runTraining,
    },
  ];
  return calls.map((call) => within(directory, call));
}
