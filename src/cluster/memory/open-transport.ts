/** The way of questions and answers that belongs to an exchange. */
import { isNatsAddress, natsAddress } from "../nats-client.ts";
import { DirectoryTransport } from "./directory-transport.ts";
import { NatsTransport } from "./nats-transport.ts";
import type { Transport } from "./transport.ts";

/** Opens it at `place`, the address of a server or a directory. @throws InputError if it cannot be reached */
export async function openTransport(place: string, credentials?: string): Promise<Transport> {
  if (isNatsAddress(place)) return NatsTransport.open(natsAddress(place), credentials);
  return new DirectoryTransport(place);
}
