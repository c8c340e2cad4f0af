/**
 * Questions and answers over NATS: a question is a plain message whose answers come to a subject of its own. A message may be lost, or nobody
 * may listen yet, so it is sent again every second. Who answered it knows it by that subject, and sends the same answer.
 */
import type { NatsConnection } from "@nats-io/transport-node";
import { InputError } from "../../base/errors.ts";
import { MOST_BYTES } from "../exchange.ts";
import { connectNats, loadNats, type Nats, type NatsAddress } from "../nats-client.ts";
import type { Listener, Transport } from "./transport.ts";

/** Milliseconds after which a question is sent again. */
const RESEND = 1000;
/** Answers that are kept to be sent again. */
const KEPT = 16;

export class NatsTransport implements Transport {
  private readonly name: string;
  private readonly connection: NatsConnection;
  private readonly nats: Nats;

  private constructor(name: string, connection: NatsConnection, nats: Nats) {
    this.name = name;
    this.connection = connection;
    this.nats = nats;
  }

  /** Connects to a server. `credentials` is the path of a .creds file. */
  static async open(address: NatsAddress, credentials?: string): Promise<NatsTransport> {
    const nats = await loadNats();
    const connection = await connectNats(nats, address, credentials);
    const most = connection.info?.max_payload ?? 0;
    if (most >= MOST_BYTES) return new NatsTransport(address.shown, connection, nats);
    await connection.close();
    throw new InputError(`${address.shown} takes messages of ${most} bytes at most; let it have a max_payload of 1MB`);
  }

  async ask(
    subject: string,
    message: Uint8Array,
    milliseconds: number,
    take: (answer: Uint8Array) => boolean,
  ): Promise<void> {
    const { connection, nats, name } = this;
    const inbox = nats.createInbox();
    let end: (error?: unknown) => void = () => {};
    const ended = new Promise<void>((resolve, reject) => {
      end = (error) => (error === undefined ? resolve() : reject(error));
    });
    const taken = (error: Error | null, answer: Uint8Array) => {
      if (error !== null) return end(new InputError(`${name}: ${error.message}`));
      try {
        if (answer.length > 0 && take(answer)) end(); // an empty one says that nobody listens
      } catch (thrown) {
        end(thrown);
      }
    };
    const answers = connection.subscribe(inbox, { callback: (error, { data }) => taken(error, data) });
    const send = () => connection.publish(subjectOf(subject), message, { reply: inbox });
    const [resending, timer] = [setInterval(send, RESEND), setTimeout(end, milliseconds)];
    try {
      send();
      await ended;
    } finally {
      clearInterval(resending);
      clearTimeout(timer);
      answers.unsubscribe();
    }
  }

  async listen(subjects: readonly string[], answer: Listener): Promise<void> {
    const kept = new Map<string, Uint8Array>();
    for (const subject of subjects) {
      this.connection.subscribe(subjectOf(subject), {
        callback: (error, { data, reply }) => {
          if (error !== null || reply === undefined) return;
          const answered = kept.get(reply) ?? answer(data);
          if (answered === undefined) return;
          kept.set(reply, answered);
          const [oldest] = kept.keys();
          if (kept.size > KEPT) kept.delete(oldest);
          this.connection.publish(reply, answered);
        },
      });
    }
    await this.connection.flush();
  }

  requireListening(): void {} // the connection comes back by itself

  async close(): Promise<void> {
    await this.connection.close();
  }
}

function subjectOf(subject: string): string {
  return `memorizing.memory.${subject}`;
}
