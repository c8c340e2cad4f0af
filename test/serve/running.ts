/** A server of a tiny random model in this process, and requests to it. */
import { connect } from "node:net";
import { Transformer } from "../../src/model/transformer.ts";
import { Reader } from "../../src/reader.ts";
import type { Limits } from "../../src/serve/api.ts";
import { MemoryDirectory } from "../../src/serve/memory-directory.ts";
import { ServedModel, type ServedParts } from "../../src/serve/served-model.ts";
import { ApiServer } from "../../src/serve/server.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { tinyConfig } from "../tiny.ts";

/** Its gates prefer the memory, so that the memory matters. */
export const tinyModel = new Transformer(tinyConfig({ memory_gate_init: 2, memory_size: 40 }), 1);
export const tokenizer = byteTokenizer();

const LIMITS: Limits = { queue: 200, bodyBytes: 4000, tokens: 10_000, seconds: 600 };

export interface Running {
  readonly port: number;
  readonly address: string;
  /** Faults of the program itself; a test that expects none should find none. */
  readonly faults: unknown[];
  readonly server: ApiServer;
  close(): Promise<void>;
}

/** Starts a server. `memories`: a directory of named ones. */
export async function run(
  parts: { limits?: Partial<Limits>; memories?: string; model?: Partial<ServedParts> } = {},
): Promise<Running> {
  const model = new ServedModel({ id: "tiny", model: tinyModel, tokenizer, ...parts.model });
  const faults: unknown[] = [];
  const server = new ApiServer({
    model,
    memories: parts.memories === undefined ? undefined : new MemoryDirectory(parts.memories),
    limits: { ...LIMITS, ...parts.limits },
    onFault: (error) => faults.push(error),
  });
  const port = await server.listen(0);
  const close = async () => {
    await server.close();
    model.release();
  };
  return { port, address: `http://127.0.0.1:${port}`, faults, server, close };
}

/** An answer, parsed. */
export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at what they expect
  readonly json: any;
}

/** Sends a request; an object as JSON, a text as it is. */
export async function ask(
  { address }: Running,
  method: string,
  path: string,
  body?: object | string,
  more: { headers?: Record<string, string>; signal?: AbortSignal } = {},
): Promise<Answer> {
  const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(`${address}${path}`, { method, body: text, ...more });
  const answer = await response.text();
  return { status: response.status, json: answer === "" ? undefined : JSON.parse(answer) };
}

/** The data of every event of a stream, as texts. */
export async function events({ address }: Running, path: string, body: object): Promise<string[]> {
  const response = await fetch(`${address}${path}`, {
    method: "POST",
    body: JSON.stringify({ ...body, stream: true }),
  });
  const parts = (await response.text()).split("\n\n");
  return parts.filter((part) => part !== "").map((part) => part.replace(/^data: /, ""));
}

/** Sends these bytes as they are; resolves to all that came back before the connection was closed. */
export function raw({ port }: Running, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.setEncoding("utf8");
    socket.on("data", (piece: string) => {
      answer += piece;
    });
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });
}

/** The text of a reader that has read `documents`. */
export async function written(prompt: string, options: object, ...documents: string[]): Promise<string> {
  const reader = new Reader(tinyModel, tokenizer);
  for (const document of documents) await reader.read(document);
  let text = "";
  for await (const piece of reader.generate(prompt, options)) text += piece.text;
  reader.release();
  return text;
}

/** Asks for a completion. */
export const completion = (on: Running, body: object) => ask(on, "POST", "/v1/completions", body);

/** Asks for a stream, and resolves when its first event is there. */
export async function begun(
  on: Running,
  tokens: number,
  signal?: AbortSignal,
): Promise<ReadableStreamDefaultReader<Uint8Array>> {
  const body = JSON.stringify({ prompt: "a", max_tokens: tokens, stream: true });
  const response = await fetch(`${on.address}/v1/completions`, { method: "POST", body, signal });
  const reader = response.body!.getReader();
  await reader.read();
  return reader;
}

/** All that still comes of a stream. */
export async function rest(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  let text = "";
  for (let part = await reader.read(); !part.done; part = await reader.read())
    text += new TextDecoder().decode(part.value);
  return text;
}
