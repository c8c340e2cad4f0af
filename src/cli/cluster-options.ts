/** Options of commands that use other machines. */

import type { Exchange } from "../cluster/exchange.ts";
import { type ExchangeOptions, openExchange } from "../cluster/open-exchange.ts";
import { text } from "./arguments/options.ts";

export const clusterOptions = {
  cluster: text(
    "URL|DIR",
    "has workers compute: nats://HOST:4222, or a directory that they share [this machine alone]",
  ),
  credentials: text("FILE", "credentials for that server, as nsc writes them (.creds)"),
};

/** What WHERE means, in the help of commands that take it. */
export const WHERE_HELP =
  "WHERE is the address of a NATS server with JetStream, nats://HOST:4222 or tls://HOST:4222, or a directory\n" +
  "that all machines share. An address may have a login, nats://USER:PASSWORD@HOST, which other users of this\n" +
  "machine can see; --credentials is safer.";

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
