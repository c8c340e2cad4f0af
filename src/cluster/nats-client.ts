/**
 * The client of NATS, loaded when it is first needed: it is an optional package, and a program that works alone never loads it. Here are
 * its address and credentials; what is done with the connection is in nats-exchange.ts.
 */
import type { NatsConnection, NodeConnectionOptions } from "@nats-io/transport-node";
import { InputError } from "../base/errors.ts";
import { readFile } from "../platform/read-file.ts";
import { codeOf } from "../platform/system-errors.ts";

const SCHEMES = ["nats:", "tls:"];
const PORT = "4222";
const OLDEST = [2, 9, 10];
const MOST_OF_CREDENTIALS = 2 ** 16;

export interface NatsAddress {
  /** What may be shown: scheme, host and port. */
  readonly shown: string;
  readonly options: NodeConnectionOptions;
}

/** Whether a text is the address of a server, and not a directory. */
export function isNatsAddress(text: string): boolean {
  return SCHEMES.some((scheme) => text.startsWith(`${scheme}//`));
}

/**
 * Reads `nats://[USER:PASSWORD@|TOKEN@]HOST[:PORT]`, or `tls://…` where the server must prove who it is.
 * @throws InputError that repeats nothing of the text, which may hold a password
 */
export function natsAddress(text: string): NatsAddress {
  const url = parsed(text);
  if (url === null || url.hostname === "" || (url.pathname !== "" && url.pathname !== "/")) {
    throw new InputError("the address of the server must be nats://HOST:PORT or tls://HOST:PORT");
  }
  const host = `${url.hostname}:${url.port || PORT}`;
  const [user, pass] = [url.username, url.password].map(decodeURIComponent);
  const login = user === "" ? {} : pass === "" ? { token: user } : { user, pass };
  const tls = url.protocol === "tls:" ? { tls: {} } : {};
  return { shown: `${url.protocol}//${host}`, options: { servers: host, ...login, ...tls } };
}

function parsed(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

/** The packages that are used, with names for what is used of each. */
export async function loadNats() {
  try {
    const [transport, jetstream, kv] = await Promise.all([
      import("@nats-io/transport-node"),
      import("@nats-io/jetstream"),
      import("@nats-io/kv"),
    ]);
    return { ...transport, ...jetstream, ...kv };
  } catch (error) {
    if (codeOf(error) !== "ERR_MODULE_NOT_FOUND") throw error;
    const names = ["transport-node", "jetstream", "kv"].map((name) => `@nats-io/${name}@3.4.0`).join(" ");
    throw new InputError(`the client of NATS is not installed; run: npm install ${names}`);
  }
}

export type Nats = Awaited<ReturnType<typeof loadNats>>;

/**
 * Connects, and reconnects for ever whenever the connection is lost. `credentials` is the path of a .creds file.
 * @throws InputError if nobody answers, or the server is too old or has no JetStream
 */
export async function connectNats(nats: Nats, address: NatsAddress, credentials?: string): Promise<NatsConnection> {
  const authenticator =
    credentials === undefined
      ? {}
      : { authenticator: nats.credsAuthenticator(readFile(credentials, MOST_OF_CREDENTIALS)) };
  const connection = await nats
    .connect({ ...address.options, ...authenticator, maxReconnectAttempts: -1, reconnectTimeWait: 250 })
    .catch((error: Error) => {
      throw new InputError(`cannot connect to ${address.shown}: ${error.message}`);
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
