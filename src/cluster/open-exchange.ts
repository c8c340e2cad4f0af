/** The exchange that a user names: a directory, or the address of a server. */
import { DirectoryExchange } from "./directory-exchange.ts";
import { type Exchange, LEASE } from "./exchange.ts";
import { isNatsAddress, natsAddress } from "./nats-client.ts";
import { NatsExchange } from "./nats-exchange.ts";

export interface ExchangeOptions {
  /** Path of a file with the login for the server (nats-access.ts). */
  readonly credentials?: string;
  /** Milliseconds that a job stays with a worker that does not renew it. */
  readonly lease?: number;
  /** Told of what was wrong in the exchange and was set right. */
  readonly warn?: (sentence: string) => void;
}

/** Opens the exchange at `place`. @throws InputError if it cannot be reached */
export async function openExchange(
  place: string,
  { credentials, lease = LEASE, warn }: ExchangeOptions = {},
): Promise<Exchange> {
  if (isNatsAddress(place)) return NatsExchange.open(natsAddress(place), credentials, lease, warn);
  return new DirectoryExchange(place, lease, warn);
}
