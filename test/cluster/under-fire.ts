/**
 * Runs a command with `--cluster` on a server of its own while workers, the command and the server are killed. Each kill is at a moment of the work:
 * when a worker writes what it has begun or computed, which waits until the kill is done.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import { openExchange } from "../../src/cluster/open-exchange.ts";
import { readRecord } from "../../src/cluster/records.ts";
import { Door } from "./door.ts";
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
  /** How many are killed: the worker that writes, or the command, or the server. */
  readonly wanted: Kills;
  /** How often workers write of their progress, at the least: the kills are spread over so many. */
  readonly writes: number;
}

export interface Survived {
  /** Fewer than are wanted if there were fewer writes than promised. */
  readonly kills: Kills;
  /** How often workers began to compute a job. */
  readonly begun: number;
}

/** What tells of progress: a job that is begun, blocks of its result, the result, and contents of slots. */
const PROGRESS = /^(\$KV\.MEMORIZING\.(tries|results|slots)|memorizing\.block)\./;

/** A process with its way to the server. */
interface Member {
  readonly running: Running;
  readonly door: Door;
}

/** Resolves when the command has come to its end. @throws Error with what was said if a process failed by itself */
export async function underFire(fire: Fire): Promise<Survived> {
  mkdirSync(fire.folder, { recursive: true });
  const server = await NatsServer.start(fire.folder);
  const battle = new Battle(fire, server);
  try {
    await battle.begin();
    await battle.ended();
    return { kills: battle.kills, begun: await begunAt(server.url) };
  } finally {
    await battle.end();
    await server.kill();
  }
}

class Battle {
  readonly kills: Kills = { worker: 0, client: 0, server: 0 };
  private readonly fire: Fire;
  private readonly server: NatsServer;
  private readonly random = new Random(20);
  /** What is killed at which write; they are counted from 0. */
  private readonly plan: readonly (keyof Kills | undefined)[];
  private written = 0;
  /** Writes pass one after the other. */
  private turn: Promise<void> = Promise.resolve();
  private readonly workers: Member[] = [];
  private client!: Member;
  private fail!: (error: Error) => void;
  private readonly failed = new Promise<never>((_, reject) => (this.fail = reject));

  constructor(fire: Fire, server: NatsServer) {
    this.fire = fire;
    this.server = server;
    const kinds: (keyof Kills)[] = ["worker", "client", "server"];
    const plan = kinds.flatMap((kind) => Array<keyof Kills | undefined>(fire.wanted[kind]).fill(kind));
    while (plan.length < fire.writes) plan.push(undefined);
    this.plan = this.shuffled(plan);
    this.failed.catch(() => {}); // whoever waits for the end is told
  }

  async begin(): Promise<void> {
    for (let index = 0; index < this.fire.workers; index++) await this.startWorker(index);
    await this.startClient();
  }

  /** Resolves when a command has come to its end that was not killed. */
  async ended(): Promise<void> {
    for (;;) {
      const { client } = this;
      const { code, output } = await Promise.race([client.running.ended, this.failed]);
      if (code === 0) return;
      if (code !== null) throw new Error(output);
      await this.turn; // until the next one is started
      if (this.client === client) throw new Error(`the command was killed from outside; it had said: ${output}`);
    }
  }

  async end(): Promise<void> {
    for (const { running, door } of [this.client, ...this.workers].filter((member) => member !== undefined)) {
      await running.end();
      door.close();
    }
  }

  private async startWorker(index: number): Promise<void> {
    const door = await Door.open(this.server.url, (subject, pass) => {
      if (PROGRESS.test(subject)) this.write(index, door, pass);
      else pass();
    });
    const directory = join(this.fire.folder, `worker-${index}`);
    const running = new Running("worker", door.url, "--dir", directory, "--lease", "2", "--threads", "1");
    this.workers[index] = { running, door };
    void running.ended.then(({ code, output }) => code !== null && this.fail(new Error(output)));
  }

  private async startClient(): Promise<void> {
    const door = await Door.open(this.server.url, (_, pass) => pass());
    this.client = { running: new Running(...this.fire.line(door.url)), door };
  }

  /** A write of a worker, which passes before or after what is killed then. */
  private write(index: number, door: Door, pass: () => void): void {
    const take = async () => {
      if (this.workers[index].door !== door) return; // of one that is dead
      const kind = this.plan[this.written++];
      if (kind === undefined) return pass();
      const isBefore = this.random.next() < 0.5;
      if (isBefore) pass();
      await this.kill(kind, index);
      if (!isBefore) pass();
      this.kills[kind]++;
    };
    this.turn = this.turn.then(take).catch(this.fail);
  }

  private async kill(kind: keyof Kills, index: number): Promise<void> {
    const victim = kind === "worker" ? this.workers[index] : this.client;
    if (kind === "server") {
      // A process that finds no server when it starts gives up.
      await Promise.all([this.client, ...this.workers].map(({ door }) => door.used));
      await this.server.kill();
      return this.server.restart();
    }
    await victim.running.end();
    victim.door.close();
    await (kind === "worker" ? this.startWorker(index) : this.startClient());
  }

  private shuffled<T>(things: readonly T[]): T[] {
    const rest = [...things];
    return things.map(() => rest.splice(Math.floor(rest.length * this.random.next()), 1)[0]);
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
