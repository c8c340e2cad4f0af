/**
 * The HTTP server of the page: it answers with the files of one directory and with nothing else, on 127.0.0.1. The list of files
 * is made when it starts, so no path leads anywhere else.
 */
import { createReadStream, readdirSync, type Stats, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { extname, join } from "node:path";
import { pipeline } from "node:stream";
import { isLocalHost, listenLocally } from "./local.ts";
import { pageHeaders } from "./page-headers.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
};

/** Files in assets/ have a digest in their names. */
const FOREVER = "public, max-age=31536000, immutable";

export class PageServer {
  /** Paths of files by paths of requests. */
  private readonly files: ReadonlyMap<string, string>;
  private readonly http: Server;

  /** Serves the directories, each below a path that begins and ends with a slash. */
  constructor(directories: Readonly<Record<string, string>>) {
    const entries = Object.entries(directories).flatMap(([prefix, directory]) => filesBelow(directory, prefix));
    this.files = new Map(entries);
    this.http = createServer((request, response) => this.answer(request, response));
  }

  /**
   * Listens on `port`, or on a free one for 0. Resolves to the port.
   * @throws InputError if that is not possible
   */
  listen(port: number): Promise<number> {
    return listenLocally(this.http, port);
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.http.close(() => resolve()));
    this.http.closeAllConnections();
    await closed;
  }

  private answer({ method = "", url = "/", headers }: IncomingMessage, response: ServerResponse): void {
    const [path] = url.split("?");
    const file = this.files.get(path === "/" ? "/index.html" : path);
    const state = file === undefined ? undefined : statSync(file, { throwIfNoEntry: false });
    if (!isLocalHost(headers.host ?? "")) refuse(response, 403, "this page is for this machine alone");
    else if (method !== "GET" && method !== "HEAD") refuse(response, 405, "only GET and HEAD are answered");
    else if (file === undefined || state === undefined) refuse(response, 404, "there is no such file");
    else send(response, path, file, state, method === "GET");
  }
}

function send(response: ServerResponse, path: string, file: string, { size }: Stats, withBody: boolean): void {
  response.writeHead(200, {
    ...pageHeaders,
    "content-type": TYPES[extname(file)] ?? "application/octet-stream",
    "content-length": size,
    "cache-control": path.startsWith("/assets/") ? FOREVER : "no-cache",
  });
  if (withBody)
    pipeline(createReadStream(file), response, () => {}); // which ends both, whichever fails
  else response.end();
}

function refuse(response: ServerResponse, status: number, sentence: string): void {
  response.writeHead(status, { ...pageHeaders, "content-type": TYPES[".txt"] }).end(`${sentence}\n`);
}

/** The files at any depth of `directory`, by `prefix` and their paths there. */
function filesBelow(directory: string, prefix: string): [string, string][] {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [prefix + path.slice(directory.length + 1).replaceAll("\\", "/"), path];
    });
}
