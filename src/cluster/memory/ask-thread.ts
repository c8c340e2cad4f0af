/** The script of the thread that asks for a blocked one (blocking-asker.ts): it has the connections, and rings when there is a reply. */
import { parentPort, workerData } from "node:worker_threads";
import { InputError } from "../../base/errors.ts";
import type { Exchange } from "../exchange.ts";
import { openExchange } from "../open-exchange.ts";
import type { Question } from "./asker.ts";
import type { AskThread, Reply, Request } from "./blocking-asker.ts";
import { readManifest } from "./manifest.ts";
import { Message } from "./message.ts";
import { openTransport } from "./open-transport.ts";
import type { Transport } from "./transport.ts";

const { place, credentials, model, port, bell }: AskThread = workerData;

try {
  const exchange = await openExchange(place, { credentials });
  const transport = await openTransport(place, credentials);
  port.on("message", async (request: Request) => {
    port.postMessage(await replyTo(request, exchange, transport));
    Atomics.store(bell, 0, 1);
    Atomics.notify(bell, 0);
  });
  parentPort?.postMessage(undefined);
} catch (error) {
  parentPort?.postMessage(sentenceOf(error));
}

async function replyTo({ questions, milliseconds }: Request, exchange: Exchange, transport: Transport): Promise<Reply> {
  try {
    if (questions === undefined) return { manifest: await readManifest(exchange, model) };
    return { answers: await Promise.all(questions.map((question) => answersTo(question, transport, milliseconds))) };
  } catch (error) {
    return { error: sentenceOf(error) };
  }
}

/** The answers that come until nothing is missing, or the time is over. */
async function answersTo(
  { subject, message, covers }: Question,
  transport: Transport,
  milliseconds: number,
): Promise<Uint8Array[]> {
  const missing = new Set(covers);
  const answers: Uint8Array[] = [];
  await transport.ask(subject, message, milliseconds, (answer) => {
    answers.push(new Uint8Array(answer)); // on its own, not with the buffer that it came in
    const { covers: covered, error } = new Message(answer).header;
    for (const name of Array.isArray(covered) ? covered : []) missing.delete(name);
    return missing.size === 0 || error !== undefined;
  });
  return answers;
}

/** @throws what is not the user's */
function sentenceOf(error: unknown): string {
  if (error instanceof InputError) return error.message;
  throw error;
}
