/** The answers to the page's questions: one model, one document, one memory to begin with, and the memories that are kept. */
import { decodeMemory, encodeMemory, type MemorySnapshot, type OpenedModel, Reader } from "memorizing-transformer";
import type { Details, ModelFacts, Progress } from "../engine/calls.ts";
import { articleAnswers } from "./article/answers.ts";
import { documentOf } from "./documents.ts";
import { KeptMemories } from "./kept-memories.ts";
import { factsOf, openFiles, openNamed } from "./models.ts";
import { MOST_CHARACTERS, ReadDocument } from "./read-document.ts";
import type { Answers, Asked } from "./serve.ts";
import { turn } from "./turn.ts";
import { writeText } from "./writing.ts";

interface Open extends OpenedModel {
  readonly name: string;
}

let opened: Open | undefined;
let document: ReadDocument | undefined;
/** The memory that the next document is read after. */
let begun: MemorySnapshot | undefined;
/** The memory with the document, for one size. */
let remembered: { readonly of: ReadDocument; readonly size: number; readonly snapshot: MemorySnapshot } | undefined;
const kept = new KeptMemories();
/** The last model that was asked for, which a text waits for. */
let opening: Promise<unknown> = Promise.resolve();
/** Ends what uses the open model, which is waited for before another one takes its place. */
let ending = new AbortController();
let work: Promise<unknown> = Promise.resolve();

export const answers: Answers = {
  openNamed: ({ name, base }, asked) => awaited(replaceModel(name, () => openNamed(name, base, asked))),
  openFiles: ({ name, files }, asked) => awaited(replaceModel(name, () => openFiles(files, asked))),
  async read({ files, sizes }, asked) {
    const text = await documentOf(files, MOST_CHARACTERS);
    await opening;
    asked.signal.throwIfAborted();
    const { model, tokenizer } = requireModel();
    const next = new ReadDocument(model, tokenizer, text, begun);
    forgetDocument();
    document = next;
    await next.run(sizes, asked);
  },
  details: async ({ size, token }): Promise<Details> => requireDocument().details(size, token),
  write: ({ memorySize, ...writing }, { tell, signal: given }) =>
    whileOpen(given, async (signal) => {
      const { model, tokenizer } = requireModel();
      const snapshot = memorySize > 0 ? await withDocument(memorySize, { tell: () => {}, signal }) : undefined;
      await writeText({ model, tokenizer, snapshot, signal }, writing, tell);
    }),
  keep: ({ name, memorySize }, { tell, signal: given }) =>
    whileOpen(given, async (signal) => {
      const { name: shown } = requireDocument();
      if (shown !== name)
        throw new Error(`${shown} is read now, and ${name} is gone; keep it before you read another text`);
      const snapshot = await withDocument(memorySize, { tell, signal });
      return kept.save(name, encodeMemory(snapshot as MemorySnapshot));
    }),
  async take({ name, data }) {
    const bytes = new Uint8Array(await data.arrayBuffer());
    decodeMemory(bytes, name);
    return kept.save(name, bytes);
  },
  async use({ name }) {
    begun = name === undefined ? undefined : await checkedMemory(name);
    return { pairs: begun?.length ?? 0, documents: begun?.sources?.documents ?? [] };
  },
  kept: () => kept.list(),
  fetchKept: ({ name }) => kept.file(name),
  drop: ({ name }) => kept.remove(name),
  ...articleAnswers,
};

/** Has texts wait for a model. */
function awaited(model: Promise<ModelFacts>): Promise<ModelFacts> {
  opening = model.catch(() => {}); // whoever asked for it is told
  return model;
}

/** Opens a model and gives up the one before, with all that was read with it. */
async function replaceModel(name: string, open: () => Promise<OpenedModel>): Promise<ModelFacts> {
  const next = await open();
  ending.abort();
  await work;
  ending = new AbortController();
  forgetDocument();
  begun = undefined;
  opened?.model.release();
  opened = { ...next, name };
  return factsOf(name, next);
}

/** Runs what uses the open model; its signal aborts when nobody waits any more, or when another model takes the place. */
function whileOpen<T>(given: AbortSignal, body: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { signal } = ending;
  const running = body(AbortSignal.any([given, signal])).catch((error) => {
    throw signal.aborted ? new Error("another model was opened meanwhile") : error;
  });
  work = Promise.allSettled([work, running]);
  return running;
}

function forgetDocument(): void {
  document?.release();
  document = undefined;
  remembered = undefined;
}

/**
 * The memory with the document in it, as `memorizing read` makes it: read without predictions, after the memory that the document was
 * read after. Without a document, the memory that the next one begins with.
 */
async function withDocument(size: number, { tell, signal }: Asked<Progress>): Promise<MemorySnapshot | undefined> {
  if (document === undefined) return begun;
  const read = document;
  if (remembered?.of === read && remembered.size === size) return remembered.snapshot;
  const { model, tokenizer } = requireModel();
  const reader = new Reader(model, tokenizer, { memorySize: size });
  try {
    const { name, text, known } = read;
    if (known !== undefined) reader.restore(known);
    await reader.read(text, { name, signal, onProgress: (done, total) => tell({ done, total }) });
    await turn(signal);
    const snapshot = reader.snapshot();
    remembered = { of: read, size, snapshot };
    return snapshot;
  } finally {
    reader.release();
  }
}

/** A kept memory, which this model must have made. */
async function checkedMemory(name: string): Promise<MemorySnapshot> {
  const { model } = requireModel();
  const snapshot = decodeMemory(new Uint8Array(await (await kept.file(name)).arrayBuffer()), name);
  if (snapshot.model !== model.fingerprint()) {
    throw new Error(`${name} was made by another model; open that one, or read the documents again with this one`);
  }
  return snapshot;
}

function requireModel(): Open {
  if (opened === undefined) throw new Error("no model is open; choose one first");
  return opened;
}

function requireDocument() {
  if (document === undefined) throw new Error("nothing has been read yet; choose a text first");
  return document;
}
