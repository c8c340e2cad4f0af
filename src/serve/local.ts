/** Servers for this machine alone: where they listen, and which requests are for it. */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { InputError } from "../base/errors.ts";
import { codeOf, reasonOf } from "../platform/system-errors.ts";

const ADDRESS = "127.0.0.1";
/** Names of this machine. A page whose own name was made to lead here says that name instead (DNS rebinding). */
const LOCAL_HOST = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/i;

/** Whether a request's header `host` names this machine. */
export function isLocalHost(host: string): boolean {
  return LOCAL_HOST.test(host);
}

/**
 * Makes `server` listen on `port` of this machine, or on a free one for 0. Resolves to the port.
 * @throws InputError if that is not possible
 */
export async function listenLocally(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(refusedPort(port, error)));
    server.listen(port, ADDRESS, resolve);
  });
  return (server.address() as AddressInfo).port;
}

function refusedPort(port: number, error: Error): InputError {
  const inUse = codeOf(error) === "EADDRINUSE" ? "another program listens there" : reasonOf(error);
  return new InputError(`cannot listen on port ${port} of ${ADDRESS}: ${inUse}; choose another --port`);
}
