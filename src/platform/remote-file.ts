/**
 * Files at an address, fetched whole or by ranges, piece by piece. Pieces may be kept between visits (piece-cache.ts). All pieces must be
 * of one version of the file: a server that changes it meanwhile, or sends other bytes than it was asked for, is refused.
 *
 * No If-Range is sent, because a page may not send it to another site without asking that site first; what the answers say of the
 * file is compared instead.
 */
import { InputError } from "../base/errors.ts";
import type { FileVersion, PieceCache } from "./piece-cache.ts";

/** How a file is fetched. */
export interface RemoteReading {
  /** Keeps pieces for the next time. */
  readonly cache?: PieceCache;
  /** Called after every piece with the bytes that are there, and with those of the whole. */
  readonly onBytes?: (done: number, total: number) => void;
  /** Ends the download. */
  readonly signal?: AbortSignal;
}

/** The bytes of a file. */
export type FileBytes = Uint8Array<ArrayBuffer>;

/** Bytes that are asked for at a time. */
const PIECE = 2 ** 23;
/** No larger file would fit into the memory of the kernels. */
const MOST = 2 ** 32;

/** A part of a file that a server has sent, as its headers say. */
interface Part {
  readonly from: number;
  readonly to: number;
  readonly version: FileVersion;
}

/** The whole file in one answer; undefined if the server has none. Throws an InputError that names the address. */
export async function fetchWhole(url: string, signal?: AbortSignal): Promise<FileBytes | undefined> {
  const response = await answerOf(url, {}, signal);
  return response && bodyOf(response, url, signal);
}

/**
 * The whole file by range requests; undefined if the server has none. A server that knows no ranges, or does not say which part it sends,
 * is asked for all at once, and nothing is kept.
 * @throws InputError that names the address
 */
export async function fetchByRanges(url: string, reading: RemoteReading = {}): Promise<FileBytes | undefined> {
  const { cache, signal } = reading;
  const first = await answerOf(url, rangeOf(0, 1), signal);
  if (first === undefined) return undefined;
  const beginning = await bodyOf(first, url, signal);
  if (first.status !== 206) return beginning;
  const version = partOf(first)?.version;
  if (version === undefined) return fetchWhole(url, signal);
  if (version.size > MOST) throw new InputError(`${url} has ${version.size} bytes, more than the ${MOST} that fit`);
  const kept = await cache?.version(url);
  if (kept === undefined || !isSame(kept, version)) await cache?.begin(url, version);
  return joined(url, version, reading);
}

/** All pieces: those that are kept, and those that are asked for now. */
async function joined(
  url: string,
  version: FileVersion,
  { cache, onBytes, signal }: RemoteReading,
): Promise<FileBytes> {
  const bytes = new Uint8Array(version.size);
  for (let from = 0; from < version.size; from += PIECE) {
    const to = Math.min(from + PIECE, version.size);
    const kept = await cache?.piece(url, from);
    if (kept?.length === to - from) bytes.set(kept, from);
    else {
      const piece = await fetchPart(url, { from, to, version }, signal);
      bytes.set(piece, from);
      await cache?.keep(url, from, piece);
    }
    onBytes?.(to, version.size);
  }
  return bytes;
}

/** The bytes of a part. Throws an InputError if the server sends another one, or one of another version. */
async function fetchPart(url: string, asked: Part, signal: AbortSignal | undefined): Promise<FileBytes> {
  const response = await answerOf(url, rangeOf(asked.from, asked.to), signal);
  const part = response?.status === 206 ? partOf(response) : undefined;
  if (response === undefined || part === undefined || !isSame(part.version, asked.version)) {
    throw new InputError(`${url} was changed while it was being read; read it again`);
  }
  const shown = ({ from, to }: Part) => `bytes ${from} to ${to - 1}`;
  if (part.from !== asked.from || part.to !== asked.to) {
    throw new InputError(`${url}: the server sent ${shown(part)} where ${shown(asked)} were asked for`);
  }
  const bytes = await bodyOf(response, url, signal);
  if (bytes.length === asked.to - asked.from) return bytes;
  throw new InputError(`${url}: the server sent ${bytes.length} bytes and called them ${shown(part)}`);
}

function rangeOf(from: number, to: number): Record<string, string> {
  return { Range: `bytes=${from}-${to - 1}` };
}

/** What the headers say; undefined if they do not, or are hidden from this page. */
function partOf({ headers }: Response): Part | undefined {
  const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers.get("Content-Range") ?? "");
  if (range === null) return undefined;
  const [from, last, size] = range.slice(1).map(Number);
  const state = headers.get("ETag") ?? headers.get("Last-Modified") ?? "";
  return { from, to: last + 1, version: { size, state } };
}

function isSame(a: FileVersion, b: FileVersion): boolean {
  return a.size === b.size && a.state === b.state;
}

/** The answer if it brings a file, undefined if there is none. */
async function answerOf(
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<Response | undefined> {
  const ask = () => fetch(url, { headers, signal });
  // A connection that was kept open may have ended meanwhile, so a request that fails is made once more.
  const response = await reaching(url, signal, () => ask().catch(() => ask()));
  if (response.ok) return response;
  await bodyOf(response, url, signal); // so that the connection can be used again
  if (response.status === 404 || response.status === 410) return undefined;
  throw new InputError(`${url} cannot be read: the server answered ${response.status} ${response.statusText}`.trim());
}

async function bodyOf(response: Response, url: string, signal: AbortSignal | undefined): Promise<FileBytes> {
  return reaching(url, signal, async () => new Uint8Array(await response.arrayBuffer()));
}

/** Names the address where the network fails. An abort stays what it is. */
async function reaching<T>(url: string, signal: AbortSignal | undefined, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (signal?.aborted) throw error;
    const { message, cause } = error as Error;
    throw new InputError(`${url} cannot be reached: ${cause instanceof Error ? cause.message : message}`);
  }
}
