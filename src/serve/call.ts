/**
 * One request and its answer: a JSON object, or server-sent events. Its signal is aborted when the client goes away, when its
 * time is over, and when the server stops.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { readText } from "./bodies.ts";
import { Refusal, refusalOf, ServerFault } from "./refusals.ts";

/** A client that is refused may send on for so long. Cut off at once, it might not see the answer. */
const LINGER_MS = 2000;

export class Call {
  readonly method: string;
  /** The parts of the path between slashes, decoded one by one: "%2F" does not make two of one. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  private readonly request: IncomingMessage;
  private readonly response: ServerResponse;
  private readonly end = new AbortController();
  private readonly timer: NodeJS.Timeout;
  /** Settles when the whole answer is on its way, or cannot be. */
  readonly sent: Promise<void>;

  /** @throws Refusal for a path that cannot be decoded */
  constructor(request: IncomingMessage, response: ServerResponse, seconds: number) {
    this.request = request;
    this.response = response;
    this.method = request.method ?? "";
    const [path, query] = splitOnce(request.url ?? "/", "?");
    this.query = new URLSearchParams(query);
    this.path = path.split("/").slice(1).map(decoded);
    this.timer = setTimeout(() => this.stop(tooLate(seconds)), seconds * 1000);
    response.on("close", () => {
      clearTimeout(this.timer);
      this.end.abort(new Error("the client went away"));
    });
    this.sent = new Promise((resolve) => response.once("finish", resolve).once("close", resolve));
  }

  get signal(): AbortSignal {
    return this.end.signal;
  }

  /** The value of a header; undefined if there is none. */
  header(name: string): string | undefined {
    return this.request.headers[name]?.toString();
  }

  /** The body as text. Throws a Refusal if it has more than `most` bytes. */
  text(most: number): Promise<string> {
    return readText(this.request, most, this.signal);
  }

  /** Ends the work on this request; the client is told of `reason`. */
  stop(reason: Refusal): void {
    this.end.abort(reason);
  }

  json(status: number, value: object): void {
    const { response } = this;
    if (this.isSending) this.leave();
    response.writeHead(status, { "content-type": "application/json; charset=utf-8" });
    response.end(JSON.stringify(value));
  }

  /** Whether more of the body is to come. A request without one counts as complete only after it was handed on. */
  private get isSending(): boolean {
    const { complete, headers } = this.request;
    return !complete && (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0);
  }

  /** Begins a stream of events. */
  openEvents(): void {
    this.response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" });
    this.response.flushHeaders();
  }

  /**
   * Sends an event. What a slow client has not taken yet waits in memory, since all others would have to wait for it otherwise;
   * the limit on the tokens of an answer bounds it.
   */
  event(data: object): void {
    this.response.write(`data: ${JSON.stringify(data)}\n\n`);
  }

  endEvents(): void {
    this.response.end("data: [DONE]\n\n");
  }

  /** Tells the client of what went wrong. Returns the error if it is one of the server's own. */
  refuse(error: unknown): unknown {
    const { response } = this;
    if (response.destroyed || response.writableEnded) return undefined;
    const refusal = refusalOf(error);
    for (const [name, value] of Object.entries(refusal.headers))
      if (!response.headersSent) response.setHeader(name, value);
    if (response.headersSent) {
      this.event(refusal.body);
      response.end();
    } else this.json(refusal.status, refusal.body);
    if (refusal instanceof ServerFault) return refusal.cause;
    return refusal.status === 500 ? error : undefined;
  }

  /** Closes the connection after the answer, whatever the client still sends. */
  private leave(): void {
    this.response.setHeader("connection", "close");
    this.request.resume();
    const { socket } = this.request;
    const cut = setTimeout(() => socket.destroy(), LINGER_MS);
    cut.unref();
    socket.on("close", () => clearTimeout(cut));
  }
}

function splitOnce(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw new Refusal(400, `${JSON.stringify(part.slice(0, 80))} in the path cannot be decoded`);
  }
}

function tooLate(seconds: number): Refusal {
  return new Refusal(504, `the answer took longer than ${seconds} seconds; --timeout sets that limit`);
}
