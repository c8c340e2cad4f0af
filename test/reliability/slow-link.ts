/**
 * A link with a latency and a bandwidth, in this process: it listens at an address, and what it receives it sends on to another one, later
 * and no faster. For kernels without `tc netem`.
 */
import { createServer, type Server, Socket } from "node:net";
import type { Link } from "./distant-machines.ts";

/** Bytes on their way in one direction, above which the sender has to wait. */
const MOST_ON_THE_WAY = 2 ** 21;

/** One direction of a link, which all connections over it share. */
class Direction {
  private readonly delay: number;
  /** Bytes per millisecond. */
  private readonly rate: number;
  /** When the last byte that was sent has left. */
  private freeAt = 0;

  constructor({ delay, rate }: Link) {
    this.delay = delay;
    this.rate = (rate * 1e6) / 8 / 1000;
  }

  /** Sends on to `to` what comes from `from`, in its order. */
  connect(from: Socket, to: Socket): void {
    const onTheWay: { readonly bytes: Buffer; readonly due: number }[] = [];
    let count = 0;
    const arrive = () => {
      for (; onTheWay.length > 0 && onTheWay[0].due <= performance.now(); onTheWay.shift()) {
        const [{ bytes }] = onTheWay;
        count -= bytes.length;
        to.write(bytes);
      }
      if (count <= MOST_ON_THE_WAY) from.resume();
      if (onTheWay.length > 0) setTimeout(arrive, onTheWay[0].due - performance.now());
    };
    from.on("data", (bytes) => {
      this.freeAt = Math.max(performance.now(), this.freeAt) + bytes.length / this.rate;
      onTheWay.push({ bytes, due: this.freeAt + this.delay });
      count += bytes.length;
      if (count > MOST_ON_THE_WAY) from.pause();
      if (onTheWay.length === 1) setTimeout(arrive, this.delay);
    });
    from.on("close", () => to.destroy());
    from.on("error", () => to.destroy());
  }
}

export class SlowLink {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  private constructor(target: { readonly host: string; readonly port: number }, link: Link) {
    const [there, back] = [new Direction(link), new Direction(link)];
    this.server = createServer((near) => {
      const far = new Socket();
      for (const socket of [near, far]) {
        socket.setNoDelay(true);
        this.sockets.add(socket);
        socket.once("close", () => this.sockets.delete(socket));
      }
      there.connect(near, far);
      back.connect(far, near);
      far.connect(target.port, target.host);
    });
  }

  /** A link from `address` to the server at `host`, with the same port. */
  static async open(address: string, host: string, port: number, link: Link): Promise<SlowLink> {
    const opened = new SlowLink({ host, port }, link);
    await new Promise<void>((resolve) => opened.server.listen(port, address, resolve));
    return opened;
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }
}
