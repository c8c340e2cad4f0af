/** An HTTP server that answers range requests, or gets them wrong in one of the ways that servers do. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What it serves at a path; read at each request, so a test may change it. */
export interface ServedFile {
  bytes: Uint8Array;
  /** Undefined: the server does not say. */
  etag?: string;
  /** Answers instead of the right answer, if it returns true. `number` counts the requests of the path from 1. */
  instead?: (response: ServerResponse, range: Asked, number: number) => boolean;
}

/** A range that was asked for; without one, the whole. */
export interface Asked {
  readonly from: number;
  readonly to: number;
}

export interface RangeServer {
  /** The address of its root, without a slash at the end. */
  readonly address: string;
  readonly files: Map<string, ServedFile>;
  /** Paths and ranges that were asked for, such as "/a 0-99". */
  readonly asked: string[];
  close(): Promise<void>;
}

export async function startRangeServer(): Promise<RangeServer> {
  const files = new Map<string, ServedFile>();
  const asked: string[] = [];
  const options = { keepAliveTimeout: 60_000 }; // longer than a busy machine keeps a test from going on
  const server = createServer(options, (request, response) => answer(request, response, files, asked));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { address: `http://127.0.0.1:${port}`, files, asked, close };
}

function answer(
  { url = "/", headers }: IncomingMessage,
  response: ServerResponse,
  files: ReadonlyMap<string, ServedFile>,
  asked: string[],
): void {
  const path = url.replace(/\?.*/, "");
  const file = files.get(path);
  if (file === undefined) {
    response.writeHead(404).end("there is no such file");
    return;
  }
  const { bytes, etag, instead } = file;
  const range = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "");
  const [from, to] =
    range === null ? [0, bytes.length] : [Number(range[1]), Math.min(Number(range[2]) + 1, bytes.length)];
  asked.push(range === null ? path : `${path} ${from}-${to - 1}`);
  const number = asked.filter((each) => each.split(" ")[0] === path).length;
  if (instead?.(response, { from, to }, number)) return;
  if (range === null) response.writeHead(200, { ...(etag && { ETag: etag }) }).end(bytes);
  else sendPart(response, bytes.subarray(from, to), `bytes ${from}-${to - 1}/${bytes.length}`, etag);
}

/** Sends a part, whatever its headers then say. */
export function sendPart(response: ServerResponse, part: Uint8Array, range: string | undefined, etag?: string): void {
  response.writeHead(206, { ...(range && { "Content-Range": range }), ...(etag && { ETag: etag }) }).end(part);
}
