/**
 * The client of NATS, loaded when it is first needed: it is an optional package, and a program that works alone never loads it. Here is
 * the server's address; logins and certificates are in nats-access.ts, what is done with the connection in nats-exchange.ts.
 */
import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";
import type { NatsConnection, NodeConnectionOptions } from "@nats-io/transport-node";
import { InputError } from "../base/errors.ts";
import { codeOf } from "../platform/system-errors.ts";
import { accessOptions } from "./nats-access.ts";
import { ignoreLateErrors } from "./nats-sockets.ts";

const SCHEMES = ["nats:", "tls:"];
const PORT = "4222";
const OLDEST = [2, 9, 10];

/** Codes of a server's certificate that nobody known here has signed. */
const UNKNOWN_AUTHORITY = [
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
];

export interface NatsAddress {
  /** What may be shown: scheme, host and port. */
  readonly shown: string;
  readonly options: NodeConnectionOptions;
}

/** Whether a text is an address, right or wrong, and not a directory: a mistyped one may hold a password, and makes no directory. */
export function isNatsAddress(text: string): boolean {
  return /^([a-z][a-z0-9+.-]*:\/\/|[^/\\]+:[^/\\]*@)/i.test(text);
}

/**
 * Reads `nats://[USER:PASSWORD@|TOKEN@]HOST[:PORT]`, or `tls://…` where the server must prove who it is.
 * @throws InputError that repeats nothing of the text, which may hold a password
 */
export function natsAddress(text: string): NatsAddress {
  const url = parsed(text);
  if (url === null || !SCHEMES.includes(url.protocol) || url.hostname === "" || hasMore(url)) {
    throw new InputError("the address of the server must be nats://HOST:PORT or tls://HOST:PORT");
  }
  const host = `${url.hostname}:${url.port || PORT}`;
  const [user, pass] = [url.username, url.password].map(decoded);
  const login = user === "" ? {} : pass === "" ? { token: user } : { user, pass };
  const tls = url.protocol === "tls:" ? { tls: identityOf(url.hostname) } : {};
  return { shown: `${url.protocol}//${host}`, options: { servers: host, ...login, ...tls } };
}

function parsed(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

/** Whether something follows the port; it may be the end of a login that was cut in two. */
function hasMore({ pathname, search, hash }: URL): boolean {
  return `${pathname}${search}${hash}`.replace(/^\/$/, "") !== "";
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new InputError("a percent sign in the login of the server's address must be written %25");
  }
}

/** Has the certificate name a server that is known by its number. The client by itself would have it name "localhost". */
function identityOf(hostname: string): object {
  const host = hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) === 0) return {};
  const check: typeof checkServerIdentity = (_name, certificate) => checkServerIdentity(host, certificate);
  return { checkServerIdentity: check };
}

/** The packages that are used, with names for what is used of each. */
export async function loadNats() {
  try {
    const [transport, { NodeTransport }, jetstream, kv] = await Promise.all([
      import("@nats-io/transport-node"),
      import("@nats-io/transport-node/lib/node_transport.js"),
      import("@nats-io/jetstream"),
      import("@nats-io/kv"),
    ]);
    ignoreLateErrors(NodeTransport.prototype);
    return { ...transport, ...jetstream, ...kv };
  } catch (error) {
    if (codeOf(error) !== "ERR_MODULE_NOT_FOUND") throw error;
    const names = ["transport-node", "jetstream", "kv"].map((name) => `@nats-io/${name}@3.4.0`).join(" ");
    throw new InputError(`the client of NATS is not installed; run: npm install ${names}`);
  }
}

export type Nats = Awaited<ReturnType<typeof loadNats>>;

/**
 * Connects, and reconnects for ever whenever the connection is lost. `credentials` is the path of a file (nats-access.ts).
 * @throws InputError if nobody answers, or the server is too old or has no JetStream
 */
export async function connectNats(nats: Nats, address: NatsAddress, credentials?: string): Promise<NatsConnection> {
  const access = accessOptions(address.options, nats.credsAuthenticator, credentials);
  const connection = await nats
    .connect({ ...access, maxReconnectAttempts: -1, reconnectTimeWait: 250 })
    .catch((error: Error) => {
      const advice = UNKNOWN_AUTHORITY.includes(codeOf(error) ?? "")
        ? "; NATS_CA names the file with the certificate of your own authority"
        : "";
      throw new InputError(`cannot connect to ${address.shown}: ${error.message}${advice}`);
    });
  const { version = "0.0.0", jetstream } = connection.info ?? {};
  const reason = isOlder(version) ? `it is NATS ${version}, and ${OLDEST.join(".")} is needed` : undefined;
  const lack = jetstream ? reason : (reason ?? "it runs without JetStream; start it with -js");
  if (lack === undefined) return connection;
  await connection.close();
  throw new InputError(`${address.shown} cannot be used: ${lack}`);
}

function isOlder(version: string): boolean {
  const numbers = version.split(/[.-]/).map(Number);
  const at = OLDEST.findIndex((number, place) => numbers[place] !== number);
  return at >= 0 && !(numbers[at] > OLDEST[at]);
}
