/** Runs a command with `--cluster` on a server of its own while workers, the command and the server are killed at random. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import { openExchange } from "../../src/cluster/open-exchange.ts";
import { readRecord } from "../../src/cluster/records.ts";
import { NatsServer } from "./nats-server.ts";
import { Running } from "./processes.ts";

export interface Kills {
  worker: number;
  client: number;
  server: number;
}

export interface Fire {
  readonly folder: string;
  /** The command's arguments, with the server's address. */
  readonly line: (place: string) => string[];
  readonly workers: number;
  /** How many are killed, unless the command is done before. */
  readonly wanted: Kills;
  /** Milliseconds between two kills, at least and at most [400 and 2000]. */
  readonly pauses?: readonly [number, number];
}

export interface Survived {
  readonly kills: Kills;
  /** How often workers began to compute a job. */
  readonly begun: number;
}

/** Resolves when the command has come to its end. @throws Error with what it said if it failed by itself */
export async function underFire({
  folder,
  line,
  workers: count,
  wanted,
  pauses = [400, 2000],
}: Fire): Promise<Survived> {
  mkdirSync(folder, { recursive: true });
  const random = new Random(20);
  const server = await NatsServer.start(folder);
  const newWorker = (index: number) =>
    new Running("worker", server.url, "--dir", join(folder, `worker-${index}`), "--lease", "2", "--threads", "1");
  const workers = Array.from({ length: count }, (_, index) => newWorker(index));
  let client = new Running(...line(server.url));
  const kills: Kills = { worker: 0, client: 0, server: 0 };
  const kill: Readonly<Record<keyof Kills, () => Promise<void>>> = {
    worker: async () => {
      const index = Math.floor(count * random.next());
      await workers[index].end();
      workers[index] = newWorker(index);
    },
    client: async () => {
      await client.end();
    },
    server: async () => {
      await server.kill();
      await server.restart();
    },
  };
  try {
    for (;;) {
      const kinds: (keyof Kills)[] = ["worker", "client", "server"];
      const left = kinds.flatMap((kind) => Array<keyof Kills>(wanted[kind] - kills[kind]).fill(kind));
      const time = pauses[0] + (pauses[1] - pauses[0]) * random.next();
      if (left.length > 0) await Promise.race([client.ended, new Promise((done) => setTimeout(done, time))]);
      else await client.ended;
      if (client.isRunning) {
        const kind = left[Math.floor(left.length * random.next())];
        await kill[kind]();
        kills[kind]++;
      }
      if (client.isRunning) continue;
      const { code, output } = await client.ended;
      if (code === 0) break;
      if (code !== null) throw new Error(output);
      client = new Running(...line(server.url));
    }
    return { kills, begun: await begunAt(server.url) };
  } finally {
    for (const running of [client, ...workers]) await running.end();
    await server.kill();
  }
}

async function begunAt(place: string): Promise<number> {
  const exchange = await openExchange(place);
  let begun = 0;
  for (const job of await exchange.keys("tries")) {
    begun += Number((await readRecord(exchange, "tries", job))?.begun ?? 0);
  }
  await exchange.close();
  return begun;
}
