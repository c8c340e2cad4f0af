/** A NATS server of the tests' own, on a free port, which can be killed and started again with what it had on disk. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";

/** Why tests with a server cannot run here; undefined if they can. */
export const noServer =
  spawnSync("nats-server", ["--version"]).status === 0 ? undefined : "nats-server is not installed";

export class NatsServer {
  readonly url: string;
  private readonly line: readonly string[];
  private child: ChildProcess | undefined;

  private constructor(address: string, port: number, folder: string, more: readonly string[]) {
    this.url = `nats://${address}:${port}`;
    this.line = ["-a", address, "-p", String(port), "-js", "-sd", join(folder, "nats"), ...more];
  }

  /** Starts a server that keeps its data in `folder`, at an address of this machine. */
  static async start(folder: string, more: readonly string[] = [], address = "127.0.0.1"): Promise<NatsServer> {
    const server = new NatsServer(address, await freePort(), folder, more);
    await server.restart();
    return server;
  }

  async restart(): Promise<void> {
    const child = spawn("nats-server", this.line, { stdio: ["ignore", "ignore", "pipe"] });
    this.child = child;
    await new Promise<void>((resolve, reject) => {
      let log = "";
      child.stderr.on("data", (text) => {
        log += text;
        if (log.includes("Server is ready")) resolve();
      });
      child.once("exit", () => reject(new Error(`nats-server ended: ${log}`)));
    });
  }

  /** Ends it as a power cut would end it. */
  async kill(): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? (address?.port ?? 0) : 0));
    });
  });
}
