/**
 * A way to a NATS server, for one process: what is published through it is known by its subject, and passes when the test lets it. So a test
 * acts at a moment of the work, at any speed of the machine.
 */
import { createServer, type Server, Socket } from "node:net";

/** Told of every publication. It reaches the server when `pass` is called, unless the connection is gone; others overtake it. */
export type Watch = (subject: string, pass: () => void) => void;

interface Message {
  readonly bytes: Buffer;
  /** Of a publication. */
  readonly subject?: string;
}

export class Door {
  readonly url: string;
  /** Resolves when something was published through it. */
  readonly used: Promise<void>;
  private readonly server: Server;
  private readonly sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>, used: Promise<void>) {
    const address = server.address();
    this.url = `nats://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
    this.server = server;
    this.sockets = sockets;
    this.used = used;
  }

  /** A door to the server at `url`. */
  static async open(url: string, watch: Watch): Promise<Door> {
    const { hostname, port } = new URL(url);
    const sockets = new Set<Socket>();
    let use = () => {};
    const used = new Promise<void>((resolve) => (use = resolve));
    const server = createServer((near) => {
      const far = new Socket();
      join(near, far, sockets);
      const parts = new Protocol();
      near.on("data", (bytes) => {
        for (const message of parts.add(bytes)) {
          const pass = () => void (far.destroyed || far.write(message.bytes));
          if (message.subject === undefined) pass();
          else watch(message.subject, pass);
          if (message.subject !== undefined) use();
        }
      });
      far.on("data", (bytes) => near.write(bytes));
      far.connect(Number(port), hostname);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new Door(server, sockets, used);
  }

  /** Whatever has not passed yet never will. */
  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }
}

/** Has two sockets end together, as a broken connection. */
function join(near: Socket, far: Socket, sockets: Set<Socket>): void {
  for (const [socket, other] of [
    [near, far],
    [far, near],
  ]) {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => other.destroy());
    socket.once("close", () => {
      sockets.delete(socket);
      other.destroy();
    });
  }
}

/** The messages in what a client sends: lines, and after those that publish a payload (docs.nats.io, "Client Protocol"). */
class Protocol {
  private rest: Buffer = Buffer.alloc(0);

  *add(bytes: Buffer): Generator<Message> {
    this.rest = Buffer.concat([this.rest, bytes]);
    for (;;) {
      const end = this.rest.indexOf("\r\n") + 2;
      if (end < 2) return;
      const words = this.rest.toString("latin1", 0, end - 2).split(" ");
      const publishes = /^H?PUB$/i.test(words[0]);
      const length = publishes ? end + Number(words[words.length - 1]) + 2 : end;
      if (this.rest.length < length) return;
      yield { bytes: this.rest.subarray(0, length), subject: publishes ? words[1] : undefined };
      this.rest = this.rest.subarray(length);
    }
  }
}
