/**
 * Sockets of NATS's client that may fail late. The client takes all listeners from a socket and then destroys it; an error that is on its
 * way at that moment ("read ECONNRESET", from a server that refuses a login and hangs up) finds nobody, and ends the program. Here every
 * socket keeps one listener that ignores errors: the client has heard of the end already, or hears of it with "close".
 */
import type { Socket } from "node:net";

/** What makes sockets in the client's `NodeTransport`. */
interface SocketMaker {
  dial(...place: never): Promise<Socket>;
  startTLS(): Promise<Socket>;
  tlsFirst(...place: never): Promise<Socket>;
}

const changed = new WeakSet<object>();

/** Changes the transport's prototype, once. */
export function ignoreLateErrors(transport: SocketMaker): void {
  if (changed.has(transport)) return;
  changed.add(transport);
  for (const name of ["dial", "startTLS", "tlsFirst"] as const) {
    const make: (...place: never) => Promise<Socket> = transport[name];
    transport[name] = async function (this: SocketMaker, ...place: never) {
      return withErrorListener(await make.apply(this, place));
    };
  }
}

/** A socket that ignores errors whenever all other listeners are taken away. */
export function withErrorListener(socket: Socket): Socket {
  const removeAll = socket.removeAllListeners.bind(socket);
  socket.removeAllListeners = (...events) => {
    removeAll(...events);
    return socket.off("error", ignore).on("error", ignore);
  };
  return socket.on("error", ignore);
}

function ignore(): void {}
