/** Opens models: the one that comes with the page, streamed once and kept in the browser's cache, or files that were dropped. */
import {
  build,
  type NamedFile,
  type OpenedModel,
  openModelFromFiles,
  threadCount,
  useThreads,
} from "memorizing-transformer";
import type { GivenFile, ModelFacts, Progress } from "../engine/calls.ts";
import type { Asked } from "./serve.ts";

/** The cache of models; the service worker answers from it as well. */
const CACHE = "models";

/** Opens a model that comes with the page, whose files lie at `base`. */
export async function openNamed(name: string, base: string, asked: Asked<Progress>): Promise<OpenedModel> {
  const listed = __MODELS__.find((model) => model.name === name);
  if (listed === undefined) throw new Error(`there is no model called ${name}`);
  const total = listed.files.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  const onBytes = (bytes: number) => {
    done += bytes;
    asked.tell({ done, total });
  };
  const files = await Promise.all(
    listed.files.map(async ({ file, ...wanted }): Promise<NamedFile> => {
      const address = new URL(`models/${name}/${file}?${wanted.digest}`, base).href;
      return { name: file, data: await bytesAt(address, wanted, onBytes, asked.signal) };
    }),
  );
  await forgetOthers(
    new URL(`models/${name}/`, base).href,
    listed.files.map(({ file, digest }) => `${file}?${digest}`),
  );
  return open(files);
}

/** Opens a model from files: one .gguf, or those of a directory. */
export async function openFiles(files: readonly GivenFile[], asked: Asked<Progress>): Promise<OpenedModel> {
  return open(files, (done, total) => asked.tell({ done, total }));
}

async function open(files: readonly NamedFile[], onProgress?: (done: number, total: number) => void) {
  const [opened] = await Promise.all([openModelFromFiles(files, { onProgress }), useThreads().catch(() => {})]);
  return opened;
}

export function factsOf(name: string, { model, notes }: OpenedModel): ModelFacts {
  const { memoryLayers, vocabulary } = model;
  return { name, notes, memoryLayers, vocabulary, threads: threadCount(), kernels: build };
}

/** What the page was built with: the length of a file, and the beginning of its SHA-256. */
interface Wanted {
  readonly bytes: number;
  readonly digest: string;
}

/**
 * The bytes at an address of this site, from the cache if they were fetched before. They are kept only when all are here and are those that the
 * page was built with: a host in the middle of an update may answer with others. A cache that fails while it reads a copy of the response takes
 * the response's bytes with it in Firefox, so it is given the bytes instead.
 */
async function bytesAt(
  address: string,
  wanted: Wanted,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const cache = await globalThis.caches?.open(CACHE).catch(() => undefined); // an insecure page has none
  const cached = await cache?.match(address);
  const response = cached ?? (await fetch(address, { signal }));
  if (!response.ok || response.body === null) {
    throw new Error(`${address} cannot be fetched: ${response.status} ${response.statusText}`);
  }
  const bytes = await bytesOf(response.body, onBytes);
  if (!(await isWanted(bytes, wanted))) {
    await cache?.delete(address);
    throw new Error(`${address} is not the file that this page was made with; load the page again`);
  }
  if (cached === undefined) {
    const kept = new Response(bytes, { headers: { "content-type": response.headers.get("content-type") ?? "" } });
    await cache?.put(address, kept).catch(() => {}); // a full disk is no reason to stop
  }
  return bytes;
}

async function bytesOf(body: ReadableStream<Uint8Array>, onBytes: (bytes: number) => void) {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const reader = body.getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    pieces.push(piece.value as Uint8Array<ArrayBuffer>);
    onBytes(piece.value.length);
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

async function isWanted(found: Uint8Array<ArrayBuffer>, { bytes, digest }: Wanted): Promise<boolean> {
  if (found.length !== bytes || crypto.subtle === undefined) return found.length === bytes; // an insecure page has no digests
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", found));
  return Array.from(sum, (byte) => byte.toString(16).padStart(2, "0"))
    .join("")
    .startsWith(digest);
}

/** Removes from the cache what earlier versions of the page kept of the model whose files lie at `folder`. */
async function forgetOthers(folder: string, kept: readonly string[]): Promise<void> {
  const cache = await globalThis.caches?.open(CACHE).catch(() => undefined);
  for (const { url } of (await cache?.keys()) ?? []) {
    if (url.startsWith(folder) && !kept.includes(url.slice(folder.length))) await cache?.delete(url);
  }
}
