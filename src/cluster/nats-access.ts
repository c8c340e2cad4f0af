/**
 * How this machine proves to a NATS server who it is, and how the server proves it to this machine: logins and certificates, from the
 * address, from a file, or from the variables that NATS' own tools read. No sentence repeats a secret.
 */
import process from "node:process";
import type { Authenticator, NodeConnectionOptions } from "@nats-io/transport-node";
import { InputError } from "../base/errors.ts";
import { readText } from "../platform/read-file.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Variables of the environment, as the program `nats` has them. */
const CREDENTIALS = "NATS_CREDS";
const [USER, PASSWORD] = ["NATS_USER", "NATS_PASSWORD"];
const [AUTHORITY, CERTIFICATE, KEY] = ["NATS_CA", "NATS_CERT", "NATS_KEY"];

/** In a file that nsc wrote; one without it is a login. */
const USER_JWT = "BEGIN NATS USER JWT";
const SEED = "BEGIN USER NKEY SEED";

/**
 * The options of a connection: those of the address, with the login of `credentials`, the path of a file. Without that file the address'
 * own login counts, and without one the environment's.
 * @throws InputError if a file cannot be read, or holds something else
 */
export function accessOptions(
  address: NodeConnectionOptions,
  credsAuthenticator: (credentials: Uint8Array) => Authenticator,
  credentials?: string,
  environment: Environment = process.env,
): NodeConnectionOptions {
  const { user, pass, token, ...server } = address;
  const own = token === undefined ? { user, pass } : { token };
  const hasOwn = user !== undefined || token !== undefined;
  const file = credentials ?? (hasOwn ? undefined : environment[CREDENTIALS]);
  const login = file
    ? loginIn(file, credsAuthenticator)
    : hasOwn
      ? own
      : loginOf(environment[USER], environment[PASSWORD]);
  return { ...server, ...login, ...certificates(address, environment) };
}

/** The login in a file: as nsc writes it (.creds), or one line `USER:PASSWORD` or `TOKEN`. */
function loginIn(path: string, credsAuthenticator: (credentials: Uint8Array) => Authenticator): NodeConnectionOptions {
  const text = readText(path).replaceAll("\r\n", "\n");
  if (text.includes(USER_JWT) && text.includes(SEED)) {
    return { authenticator: credsAuthenticator(new TextEncoder().encode(text)) };
  }
  const [, user, pass] = /^([^\s:]+)(?::(.+))?\n?$/.exec(text) ?? [];
  if (user !== undefined) return loginOf(user, pass);
  throw new InputError(`${path} is neither a .creds file as nsc writes it nor one line USER:PASSWORD or TOKEN`);
}

/** A user's name alone is a token, as for the program `nats`. */
function loginOf(user: string | undefined, pass: string | undefined): NodeConnectionOptions {
  if (!user) return {};
  return pass ? { user, pass } : { token: user };
}

/** Certificates of the environment. Whoever names one wants an encrypted connection, whatever the address says. */
function certificates({ tls }: NodeConnectionOptions, environment: Environment): NodeConnectionOptions {
  const files = { ca: environment[AUTHORITY], cert: environment[CERTIFICATE], key: environment[KEY] };
  const given = Object.entries(files).flatMap(([kind, path]) => (path ? [[kind, readText(path)]] : []));
  return given.length === 0 && !tls ? {} : { tls: { ...tls, ...Object.fromEntries(given) } };
}
