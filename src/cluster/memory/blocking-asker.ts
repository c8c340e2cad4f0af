/**
 * Waits for answers in the middle of a forward pass, which is not asynchronous: a thread of its own (ask-thread.ts) has the connections, and
 * this one sleeps until that rings.
 */
import { extname } from "node:path";
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from "node:worker_threads";
import { InputError } from "../../base/errors.ts";
import type { Asker, Question } from "./asker.ts";
import type { Manifest } from "./manifest.ts";

/** What the thread is told when it starts. */
export interface AskThread {
  readonly place: string;
  readonly credentials: string | undefined;
  /** Fingerprint of the model whose memory is read. */
  readonly model: string;
  /** Requests come here, and their replies go back. */
  readonly port: MessagePort;
  /** One i32: 1 when there is a reply. */
  readonly bell: Int32Array;
}

/** Questions, or none for the manifest. */
export interface Request {
  readonly questions?: readonly Question[];
  readonly milliseconds: number;
}

export interface Reply {
  readonly answers?: readonly (readonly Uint8Array[])[];
  readonly manifest?: Manifest;
  /** A sentence for the user. */
  readonly error?: string;
}

/** The thread's own patience with a server that is away (nats-exchange.ts), and some more. */
const SILENCE = 150_000;

export class BlockingAsker implements Asker {
  readonly name: string;
  private readonly thread: Worker;
  private readonly port: MessagePort;
  private readonly bell: Int32Array;

  private constructor(name: string, thread: Worker, port: MessagePort, bell: Int32Array) {
    this.name = name;
    this.thread = thread;
    this.port = port;
    this.bell = bell;
  }

  /** Connects. `name` is the exchange at `place` as messages name it. @throws InputError if it cannot be reached */
  static async open(place: string, name: string, model: string, credentials?: string): Promise<BlockingAsker> {
    const { port1, port2 } = new MessageChannel();
    const bell = new Int32Array(new SharedArrayBuffer(4));
    const start: AskThread = { place, credentials, model, port: port2, bell };
    const script = new URL(`./ask-thread${extname(import.meta.url)}`, import.meta.url);
    const thread = new Worker(script, { workerData: start, transferList: [port2], execArgv: [] });
    try {
      await new Promise<void>((resolve, reject) => {
        thread.once("message", (error?: string) => (error === undefined ? resolve() : reject(new InputError(error))));
        thread.once("error", reject);
      });
    } catch (error) {
      await thread.terminate();
      throw error;
    }
    thread.unref();
    port1.unref();
    return new BlockingAsker(name, thread, port1, bell);
  }

  ask(questions: readonly Question[], milliseconds: number): readonly (readonly Uint8Array[])[] {
    return this.call({ questions, milliseconds }).answers ?? [];
  }

  manifest(): Manifest | undefined {
    return this.call({ milliseconds: 0 }).manifest;
  }

  async close(): Promise<void> {
    this.port.close();
    await this.thread.terminate();
  }

  private call(request: Request): Reply {
    const { bell, port, name } = this;
    Atomics.store(bell, 0, 0);
    port.postMessage(request);
    Atomics.wait(bell, 0, 0, request.milliseconds + SILENCE);
    const reply: Reply | undefined = receiveMessageOnPort(port)?.message;
    if (reply === undefined) throw new InputError(`${name} does not answer any more`);
    if (reply.error !== undefined) throw new InputError(reply.error);
    return reply;
  }
}
