/**
 * The HTTP server around the API, for programs of this machine: it listens on 127.0.0.1 and answers no page of a foreign
 * site. What a request does wrong is answered with a sentence.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Api, type Limits } from "./api.ts";
import { Call } from "./call.ts";
import { isLocalHost, listenLocally } from "./local.ts";
import type { MemoryDirectory } from "./memory-directory.ts";
import { Refusal, refusalOf } from "./refusals.ts";
import type { ServedModel } from "./served-model.ts";

/** Connections beyond those that may wait: who comes then is told to come again, and beyond these is cut off. */
const SPARE_CONNECTIONS = 1024;
/** Milliseconds for the head of a request, for all of it, and for a connection that nothing is asked on. */
const [HEAD_MS, REQUEST_MS, IDLE_MS] = [10_000, 60_000, 5000];
/** Milliseconds that requests have to end when the server stops. */
const STOP_MS = 500;

export interface ServerParts {
  readonly model: ServedModel;
  /** Undefined: there are no named memories. */
  readonly memories: MemoryDirectory | undefined;
  readonly limits: Limits;
  /** Gets what is a fault of the program. */
  readonly onFault: (error: unknown) => void;
}

export class ApiServer {
  private readonly api: Api;
  private readonly parts: ServerParts;
  private readonly http: Server;
  private readonly calls = new Map<Call, Promise<void>>();
  private isStopping = false;

  constructor(parts: ServerParts) {
    const { model, memories, limits } = parts;
    this.parts = parts;
    this.api = new Api(model, memories, limits);
    const timeouts = { headersTimeout: HEAD_MS, requestTimeout: REQUEST_MS, keepAliveTimeout: IDLE_MS };
    this.http = createServer(timeouts, (request, response) => this.receive(request, response));
    this.http.maxConnections = limits.queue + SPARE_CONNECTIONS;
  }

  /**
   * Listens on `port`, or on a free one for 0. Resolves to the port.
   * @throws InputError if that is not possible
   */
  listen(port: number): Promise<number> {
    return listenLocally(this.http, port);
  }

  /** Ends all requests and all connections. Every memory that a client was told of is saved; a document half read is dropped. */
  async close(): Promise<void> {
    this.isStopping = true;
    const closed = new Promise<void>((resolve) => this.http.close(() => resolve()));
    for (const call of this.calls.keys()) call.stop(stopping());
    const patience = new Promise<void>((resolve) => setTimeout(resolve, STOP_MS).unref());
    await Promise.race([Promise.all(this.calls.values()), patience]);
    this.http.closeAllConnections();
    await closed;
  }

  private receive(request: IncomingMessage, response: ServerResponse): void {
    try {
      const call = new Call(request, response, this.parts.limits.seconds);
      const done = this.answer(call)
        .then(() => call.sent)
        .finally(() => this.calls.delete(call));
      this.calls.set(call, done);
    } catch (error) {
      const { status, body } = refusalOf(error);
      response.writeHead(status, { "content-type": "application/json", connection: "close" }).end(JSON.stringify(body));
    }
  }

  private async answer(call: Call): Promise<void> {
    try {
      if (this.isStopping) throw stopping();
      requireLocal(call);
      await this.api.answer(call);
    } catch (error) {
      const fault = call.refuse(error);
      if (fault !== undefined) this.parts.onFault(fault);
    }
  }
}

/** Refuses pages of other sites, which a browser would let send requests here: an image's has no origin, but says that it crosses sites. */
function requireLocal(call: Call): void {
  const [host = "", origin, site = "none"] = ["host", "origin", "sec-fetch-site"].map((name) => call.header(name));
  if (!isLocalHost(host)) {
    throw new Refusal(
      403,
      `the request is for the host ${JSON.stringify(host.slice(0, 80))}, which is not this machine`,
    );
  }
  if (origin !== undefined && origin.toLowerCase() !== `http://${host.toLowerCase()}`) {
    throw new Refusal(403, `pages of ${JSON.stringify(origin.slice(0, 80))} may not use this server`);
  }
  if (site !== "none" && site !== "same-origin") throw new Refusal(403, "pages of other sites may not use this server");
}

function stopping(): Refusal {
  return new Refusal(503, "the server is stopping");
}
