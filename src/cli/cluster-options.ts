/** Options of commands that use other machines. */
import { InputError } from "../base/errors.ts";
import type { Exchange } from "../cluster/exchange.ts";
import { isNatsAddress } from "../cluster/nats-client.ts";
import { type ExchangeOptions, openExchange } from "../cluster/open-exchange.ts";
import { isDirectory } from "../platform/files.ts";
import { text } from "./arguments/options.ts";

export const clusterOptions = {
  cluster: text(
    "URL|DIR",
    "has workers compute: nats://HOST:4222, or a directory that they share [this machine alone]",
  ),
  credentials: text("FILE", "login for that server: as nsc writes it (.creds), or one line USER:PASSWORD [NATS_CREDS]"),
};

/** What WHERE means, in the help of commands that take it. */
export const WHERE_HELP =
  "WHERE is the address of a NATS server with JetStream, nats://HOST:4222 or tls://HOST:4222, or a directory\n" +
  "that all machines share. A login comes from --credentials, or from the variables that NATS' own tools read:\n" +
  "NATS_CREDS, or NATS_USER and NATS_PASSWORD. NATS_CA, NATS_CERT and NATS_KEY name files with certificates.\n" +
  "In an address, nats://USER:PASSWORD@HOST, other users of this machine may see the login in `ps`.";

/** Refuses a directory that is not there: to look must not make one. `known` are the processes that were started with the right one. */
export function requireExchange(place: string, known: string): void {
  if (isNatsAddress(place) || isDirectory(place)) return;
  throw new InputError(
    `there is no directory ${place}; give the one that ${known} were started with, or nats://HOST:PORT`,
  );
}

/** Opens the exchange at `place` for as long as `work` takes. */
export async function withExchange<T>(
  place: string,
  options: ExchangeOptions,
  work: (exchange: Exchange) => Promise<T>,
): Promise<T> {
  const exchange = await openExchange(place, options);
  try {
    return await work(exchange);
  } finally {
    await exchange.close();
  }
}
