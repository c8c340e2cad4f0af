/**
 * The exchange on NATS JetStream, 2.9.10 or later. Blocks are messages of a stream, one for each name; records are a key-value
 * bucket with compare-and-set; jobs are a work queue with a pull consumer, which delivers a job again when its lease is over. The server
 * may end and return: what fails for want of it is tried again for two minutes.
 */
import type { Consumer, JetStreamClient, JetStreamManager, JsMsg } from "@nats-io/jetstream";
import type { KV } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/transport-node";
import { InputError } from "../base/errors.ts";
import { damagedBlock, isIntact, missingBlock, nameOf, requireBlockName, requireSmall } from "./blocks.ts";
import { type Delivery, type Entry, type Exchange, isKey, LEASE } from "./exchange.ts";
import { connectNats, loadNats, type Nats, type NatsAddress } from "./nats-client.ts";
import { pause } from "./pause.ts";

const BLOCKS = "MEMORIZING_BLOCKS";
const JOBS = "MEMORIZING_JOBS";
const RECORDS = "MEMORIZING";
const BLOCK = "memorizing.block";
const JOB = "memorizing.job";

/** Milliseconds for which a server that does not answer is asked again, and between two questions. */
const PATIENCE = 120_000;
const RETRY = 250;
/** The shortest wait of a pull, in milliseconds. */
const SHORTEST_PULL = 1000;

/** The server's code for a revision that is not the last. */
const WRONG_LAST_SEQUENCE = 10071;

export class NatsExchange implements Exchange {
  readonly name: string;
  readonly warn: (sentence: string) => void;
  private readonly connection: NatsConnection;
  private readonly nats: Nats;
  private readonly lease: number;
  private readonly consumers = new Map<string, Consumer>();
  private readonly client: JetStreamClient;
  private manager!: JetStreamManager;
  private records!: KV;

  private constructor(
    name: string,
    connection: NatsConnection,
    nats: Nats,
    lease: number,
    warn: (sentence: string) => void,
  ) {
    this.name = name;
    this.warn = warn;
    this.connection = connection;
    this.nats = nats;
    this.lease = lease;
    this.client = nats.jetstream(connection);
  }

  /** Connects to a server and makes there what is missing. `credentials` is the path of a file, `lease` in milliseconds. */
  static async open(
    address: NatsAddress,
    credentials?: string,
    lease = LEASE,
    warn: (sentence: string) => void = () => {},
  ): Promise<NatsExchange> {
    const nats = await loadNats();
    const connection = await connectNats(nats, address, credentials);
    const exchange = new NatsExchange(address.shown, connection, nats, lease, warn);
    try {
      await exchange.prepare();
    } catch (error) {
      await connection.close();
      throw error;
    }
    return exchange;
  }

  async put(block: Uint8Array): Promise<string> {
    requireSmall(block, "a block");
    const name = nameOf(block);
    await this.patiently(async () => {
      if ((await this.count(BLOCKS, `${BLOCK}.${name}`)) === 0) await this.client.publish(`${BLOCK}.${name}`, block);
    });
    return name;
  }

  async get(name: string): Promise<Uint8Array> {
    requireBlockName(name, this.name);
    const query = { last_by_subj: `${BLOCK}.${name}` };
    const message = await this.patiently(() => this.manager.direct.getMessage(BLOCKS, query));
    if (message === null) throw missingBlock(name, this.name);
    if (isIntact(message.data, name)) return message.data;
    // Or it would stay, since what is there is not put again.
    await this.patiently(() => this.manager.streams.deleteMessage(BLOCKS, message.seq, false));
    throw damagedBlock(name, this.name);
  }

  async read(map: string, key: string): Promise<Entry | undefined> {
    const entry = await this.patiently(() => this.records.get(`${map}.${key}`));
    if (entry === null) return undefined;
    return { value: entry.value, revision: entry.revision, changedAt: entry.created.getTime() };
  }

  async write(map: string, key: string, value: Uint8Array, revision: number): Promise<number | undefined> {
    requireSmall(value, `the record ${key}`);
    return this.patiently(async () => {
      try {
        return await this.records.put(`${map}.${key}`, value, { previousSeq: revision });
      } catch (error) {
        if (serverCode(error) === WRONG_LAST_SEQUENCE) return undefined;
        throw error;
      }
    });
  }

  async keys(map: string): Promise<readonly string[]> {
    const prefix = `$KV.${RECORDS}.${map}.`;
    const subjects = await this.patiently(() => this.subjects(`KV_${RECORDS}`, `${prefix}*`));
    return Object.keys(subjects)
      .map((subject) => subject.slice(prefix.length))
      .filter(isKey)
      .sort();
  }

  async offer(queue: string, job: string): Promise<void> {
    await this.patiently(async () => {
      try {
        await this.client.publish(`${JOB}.${queue}.${job}`, "");
      } catch (error) {
        if (!isThereAlready(error)) throw error;
      }
    });
  }

  async take(queue: string, milliseconds: number): Promise<Delivery | undefined> {
    const expires = Math.max(SHORTEST_PULL, milliseconds);
    const message = await this.patiently(() => this.next(queue, expires));
    return message === null ? undefined : this.delivery(message);
  }

  async close(): Promise<void> {
    await this.connection.close();
  }

  /** The next message of a queue. A consumer that the server has lost is made again. */
  private async next(queue: string, expires: number): Promise<JsMsg | null> {
    const known = this.consumers.get(queue);
    if (known !== undefined) {
      try {
        return await known.next({ expires });
      } catch {
        this.consumers.delete(queue);
      }
    }
    return (await this.consumer(queue)).next({ expires });
  }

  private delivery(message: JsMsg): Delivery {
    return {
      job: message.subject.slice(message.subject.lastIndexOf(".") + 1),
      renew: async () => {
        message.working();
        return true; // whether the server still counts it as ours, it does not say
      },
      acknowledge: async () => {
        // Without an answer it comes again, to somebody who finds its result.
        await message.ackAck({ timeout: 5000 }).catch(() => false);
      },
      giveBack: async () => {
        message.nak();
        await this.patiently(() => this.connection.flush());
      },
    };
  }

  private async prepare(): Promise<void> {
    const { nats, connection } = this;
    this.manager = await this.patiently(() => nats.jetstreamManager(connection));
    const onDisk = { storage: nats.StorageType.File, max_msgs_per_subject: 1 };
    await this.stream({ name: BLOCKS, subjects: [`${BLOCK}.*`], ...onDisk, allow_direct: true });
    const once = { discard: nats.DiscardPolicy.New, discard_new_per_subject: true };
    await this.stream({
      name: JOBS,
      subjects: [`${JOB}.*.*`],
      ...onDisk,
      ...once,
      retention: nats.RetentionPolicy.Workqueue,
    });
    this.records = await this.patiently(() => new nats.Kvm(this.client).create(RECORDS, { history: 1 }));
  }

  /** Makes the stream; one of that name stays as it is. */
  private async stream(config: Parameters<JetStreamManager["streams"]["add"]>[0]): Promise<void> {
    await this.patiently(async () => {
      const known = await this.ifThere(this.manager.streams.info(config.name));
      if (known === undefined) await this.manager.streams.add(config);
    });
  }

  private async consumer(queue: string): Promise<Consumer> {
    await this.makeConsumer(queue);
    const consumer = await this.client.consumers.get(JOBS, queue);
    this.consumers.set(queue, consumer);
    return consumer;
  }

  /** Makes the queue's consumer, unless it is there. All workers of a queue have one lease, which is that of the consumer. */
  private async makeConsumer(queue: string): Promise<void> {
    const { consumers } = this.manager;
    const ack_wait = this.lease * 1e6; // nanoseconds
    const found = await this.ifThere(consumers.info(JOBS, queue));
    if (found?.config.ack_wait === ack_wait) return;
    if (found === undefined) {
      const [filter_subject, ack_policy] = [`${JOB}.${queue}.*`, this.nats.AckPolicy.Explicit];
      await consumers.add(JOBS, { durable_name: queue, filter_subject, ack_policy, ack_wait, max_deliver: -1 });
    } else if (found.num_waiting + found.num_ack_pending === 0) await consumers.update(JOBS, queue, { ack_wait });
    else {
      const seconds = Number(found.config.ack_wait) / 1e9;
      throw new InputError(`workers there have --lease ${seconds}, and all must have the same; give it to this one`);
    }
  }

  /** What the server tells of something; undefined if that does not exist. */
  private async ifThere<T>(told: Promise<T>): Promise<T | undefined> {
    return told.catch((error: Error) => {
      if (error instanceof this.nats.JetStreamApiError && error.status === 404) return undefined;
      throw error;
    });
  }

  private async count(stream: string, subject: string): Promise<number> {
    return (await this.subjects(stream, subject))[subject] ?? 0;
  }

  private async subjects(stream: string, filter: string): Promise<Readonly<Record<string, number>>> {
    const { state } = await this.manager.streams.info(stream, { subjects_filter: filter });
    return state.subjects ?? {};
  }

  /** Runs what may fail while the server is away, again and again. */
  private async patiently<T>(operation: () => Promise<T>): Promise<T> {
    const end = performance.now() + PATIENCE;
    for (;;) {
      try {
        return await operation();
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        if (!this.mayPass(error)) throw new InputError(`${this.name}: ${error.message}`);
        if (performance.now() > end) throw new InputError(`${this.name} does not answer any more: ${error.message}`);
      }
      await pause(RETRY);
    }
  }

  /** Whether an operation may succeed when the server is back, or has caught up. */
  private mayPass(error: Error): boolean {
    const { errors, JetStreamApiError } = this.nats;
    if (error instanceof JetStreamApiError) return error.status === 503;
    const kinds = [errors.TimeoutError, errors.NoRespondersError, errors.ConnectionError, errors.RequestError];
    return kinds.some((kind) => error instanceof kind) || /503|heartbeats missed|disconnect/i.test(error.message);
  }
}

function serverCode(error: unknown): number | undefined {
  const code = Object(error).code;
  return typeof code === "number" ? code : undefined;
}

/** Whether the server refused a job because it is in the queue. */
function isThereAlready(error: unknown): boolean {
  return error instanceof Error && /maximum messages per subject/.test(error.message);
}
