/** What the server answers: models, completions and chat as OpenAI's interface has them, and named memories. */
import { aName, check } from "../base/check.ts";
import type { MemorySnapshot } from "../memory/snapshot.ts";
import type { Call } from "./call.ts";
import { conversationOf } from "./chat.ts";
import { type MemoryDirectory, requireName } from "./memory-directory.ts";
import { Queue } from "./queue.ts";
import { Refusal } from "./refusals.ts";
import { chatShape, completionShape, Reply, type ReplyShape } from "./replies.ts";
import { chatRequest, completionRequest, type TextRequest } from "./requests.ts";
import type { Job, ServedModel } from "./served-model.ts";

/** Limits of a request. */
export interface Limits {
  /** Requests that wait for their turn. */
  readonly queue: number;
  /** Bytes of a body. */
  readonly bodyBytes: number;
  /** Tokens that a request may ask for. */
  readonly tokens: number;
  /** Seconds until the answer is complete, waiting included. */
  readonly seconds: number;
}

type Handler = (call: Call, name: string) => Promise<void> | void;
type Methods = Readonly<Record<string, Handler>>;

/** A document's name where the request gives none. */
const UNNAMED = "document";

export class Api {
  private readonly model: ServedModel;
  private readonly directory: MemoryDirectory | undefined;
  private readonly limits: Limits;
  private readonly queue: Queue;
  private readonly startedAt = Math.floor(Date.now() / 1000);
  /** By path; a colon stands for a name. */
  private readonly routes: Readonly<Record<string, Methods>> = {
    "v1/models": { GET: (call) => call.json(200, listOf([this.describeModel()])) },
    "v1/models/:": { GET: (call, name) => this.showModel(call, name) },
    "v1/completions": { POST: (call) => this.complete(call) },
    "v1/chat/completions": { POST: (call) => this.chat(call) },
    "v1/memories": { GET: (call) => this.listMemories(call) },
    "v1/memories/:": {
      GET: (call, name) => call.json(200, this.describeMemory(name)),
      PUT: (call, name) => this.read(call, name, false),
      DELETE: (call, name) => this.deleteMemory(call, name),
    },
    "v1/memories/:/documents": { POST: (call, name) => this.read(call, name, true) },
  };

  /** Without `directory` there are no named memories. */
  constructor(model: ServedModel, directory: MemoryDirectory | undefined, limits: Limits) {
    this.model = model;
    this.directory = directory;
    this.limits = limits;
    this.queue = new Queue(limits.queue);
  }

  /** Answers `call`. Throws a Refusal, an InputError or the reason of the call's signal where it cannot. */
  async answer(call: Call): Promise<void> {
    const [methods, name] = this.route(call.path);
    const method = call.method === "HEAD" ? "GET" : call.method;
    if (!Object.hasOwn(methods, method)) {
      const allowed = Object.keys(methods).join(", ");
      throw new Refusal(405, `this path takes ${allowed}, not ${call.method}`, undefined, { allow: allowed });
    }
    await methods[method](call, name);
  }

  private route(path: readonly string[]): [Methods, string] {
    for (const [pattern, methods] of Object.entries(this.routes)) {
      const parts = pattern.split("/");
      const fits = parts.length === path.length && parts.every((part, i) => part === ":" || part === path[i]);
      if (fits) return [methods, path[parts.indexOf(":")] ?? ""];
    }
    const known = Object.keys(this.routes).map((pattern) => `/${pattern.replace(":", "NAME")}`);
    throw new Refusal(404, `there is nothing at this path; the paths are ${known.join(", ")}`);
  }

  private describeModel(): object {
    return { id: this.model.id, object: "model", created: this.startedAt, owned_by: "memorizing" };
  }

  private showModel(call: Call, name: string): void {
    this.requireModel(name);
    call.json(200, this.describeModel());
  }

  private requireModel(name: string | undefined): void {
    if (name === undefined || name === this.model.id) return;
    const shown = JSON.stringify(name.slice(0, 80));
    throw new Refusal(404, `the model ${shown} is not served here, but ${this.model.id} is`, "model");
  }

  /** The body of a request in JSON, which a byte order mark may precede. */
  private async jsonOf(call: Call): Promise<string> {
    return (await call.text(this.limits.bodyBytes)).replace(/^\ufeff/, "");
  }

  private async complete(call: Call): Promise<void> {
    const request = completionRequest(await this.jsonOf(call), this.limits.tokens);
    const { prompt, stops, options } = request;
    await this.write(call, request, { prompt, stops, dropsSpace: false, options }, completionShape);
  }

  private async chat(call: Call): Promise<void> {
    const request = chatRequest(await this.jsonOf(call), this.limits.tokens);
    const { prompt, stops, dropsSpace } = conversationOf(request.messages, this.model.template);
    const job = { prompt, stops: [...request.stops, ...stops], dropsSpace, options: request.options };
    await this.write(call, request, job, chatShape);
  }

  /** Writes a text in its turn, and sends it whole or as a stream. */
  private async write(call: Call, request: TextRequest, job: Job, shape: ReplyShape): Promise<void> {
    this.requireModel(request.model);
    const name = memoryOf(call, request);
    const reply = new Reply(shape, this.model.id, request.countsInStream);
    await this.queue.run(call.signal, async () => {
      const memory = name === undefined ? undefined : this.memories.load(name);
      if (request.streams) await this.stream(call, request, job, memory, reply);
      else {
        let text = "";
        const written = await this.model.write(job, memory, call.signal, (piece) => {
          text += piece;
        });
        call.json(200, reply.whole(text, written));
      }
    });
  }

  /** The stream opens with the first text: what is refused before has a status of its own. */
  private async stream(
    call: Call,
    { countsInStream }: TextRequest,
    job: Job,
    memory: MemorySnapshot | undefined,
    reply: Reply,
  ): Promise<void> {
    const open = once(() => {
      call.openEvents();
      const opening = reply.opening();
      if (opening !== undefined) call.event(opening);
    });
    const written = await this.model.write(job, memory, call.signal, (piece) => {
      open();
      call.event(reply.piece(piece));
    });
    open();
    call.event(reply.closing(written));
    if (countsInStream) call.event(reply.counts(written));
    call.endEvents();
  }

  private get memories(): MemoryDirectory {
    if (this.directory !== undefined) return this.directory;
    throw new Refusal(400, "this server keeps no memories; it does when it is started with --memories DIR", "memory");
  }

  private listMemories(call: Call): void {
    const listed = this.memories.list().flatMap(({ name, state }) => {
      return state === undefined ? [] : [{ id: name, object: "memory", ...fileFields(state) }];
    });
    call.json(200, listOf(listed));
  }

  /** Reads a document into the memory `name`: behind what it holds, or in place of that. */
  private async read(call: Call, name: string, appends: boolean): Promise<void> {
    const { memories } = this;
    requireName(name);
    const strange = [...call.query.keys()].find((key) => key !== "document");
    if (strange !== undefined)
      throw new Refusal(400, `unknown parameter ${strange}; only document can be given`, strange);
    const document = call.query.get("document") ?? UNNAMED;
    check("document", document, aName);
    const text = await call.text(this.limits.bodyBytes);
    if (text === "") throw new Refusal(400, "the body is empty; it must be the text of a document");
    const zero = text.indexOf("\0");
    if (zero >= 0) throw new Refusal(400, `the body is no text: character ${zero} is zero`);
    await this.queue.run(call.signal, async () => {
      const isNew = !memories.has(name);
      const [version, before] = appends ? [memories.stateOf(name)?.version, memories.load(name)] : [];
      if (before !== undefined) this.requireRoom(before);
      memories.save(name, await this.model.read(text, document, before, call.signal), version);
      call.json(isNew ? 201 : 200, this.describeMemory(name));
    });
  }

  /** Refuses to go on with a memory of which a part would be forgotten at once. */
  private requireRoom({ name, length }: MemorySnapshot): void {
    const { memorySize } = this.model;
    if (memorySize === 0 || length <= memorySize) return;
    const advice = `start it with --memory ${length} or more to add to it`;
    throw new Refusal(
      409,
      `${name} holds ${length} pairs, and this server looks up ${memorySize}; ${advice}`,
      "memory",
    );
  }

  private async deleteMemory(call: Call, name: string): Promise<void> {
    const { memories } = this;
    requireName(name);
    await this.queue.run(call.signal, async () => {
      memories.delete(name);
      call.json(200, { id: name, object: "memory", deleted: true });
    });
  }

  private describeMemory(name: string): object {
    const memory = this.memories.load(name);
    const state = this.memories.stateOf(name);
    const file = state === undefined ? {} : fileFields(state);
    return {
      id: name,
      object: "memory",
      ...file,
      tokens: memory.length,
      size: memory.size,
      documents: documentsOf(memory),
    };
  }
}

/** The memory that a request names in its body or in its header x-memory. */
function memoryOf(call: Call, { memory }: TextRequest): string | undefined {
  const header = call.header("x-memory");
  if (memory !== undefined && header !== undefined && memory !== header) {
    throw new Refusal(400, "the body and the header x-memory name two memories; name one", "memory");
  }
  const name = memory ?? header;
  return name === undefined ? undefined : requireName(name);
}

/** The remembered documents, oldest first, and how many tokens are left of each. */
function documentsOf({ sources }: MemorySnapshot): object[] {
  if (sources === undefined) return [];
  const counts = new Array<number>(sources.documents.length).fill(0);
  for (const document of sources.columns.document) counts[document]++;
  return sources.documents.map((name, i) => ({ name, tokens: counts[i] }));
}

/** The same action; only the first call counts. */
function once(action: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) action();
    isDone = true;
  };
}

function fileFields({ bytes, changedAt }: { bytes: number; changedAt: number }): object {
  return { bytes, created: Math.floor(changedAt / 1000) };
}

function listOf(data: readonly object[]): object {
  return { object: "list", data };
}
