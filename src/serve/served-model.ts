/**
 * The model that answers: one Reader, which begins every request with a copy of a memory. So no request changes what another
 * one finds. Requests come one at a time (queue.ts).
 */
import { InputError } from "../base/errors.ts";
import type { MemorySnapshot } from "../memory/snapshot.ts";
import type { GenerationOptions } from "../model/generate.ts";
import { Reader } from "../reader.ts";
import type { ChatTemplate, Prompt } from "../text/chat.ts";
import { type MarkedPrompts, markedPrompts } from "./marked-prompts.ts";
import { StopTexts } from "./stop-texts.ts";

type ReaderModel = ConstructorParameters<typeof Reader>[0];
type ReaderTokenizer = ConstructorParameters<typeof Reader>[1];

/** What a server is given. */
export interface ServedParts {
  /** The name that clients know. */
  readonly id: string;
  readonly model: ReaderModel;
  readonly tokenizer: ReaderTokenizer;
  /** M, pairs that a head remembers. Default: those of `known`, or else the model's. */
  readonly memorySize?: number;
  /** The memory of requests that name none. Default: an empty one. */
  readonly known?: MemorySnapshot;
  /** The chat template; undefined if the model has none. Throws an InputError if it has one of an unknown kind. */
  readonly template?: () => ChatTemplate | undefined;
}

/** A text to write. */
export interface Job {
  readonly prompt: string | Prompt;
  readonly stops: readonly string[];
  /** Whether a space at the beginning is not part of the answer. */
  readonly dropsSpace: boolean;
  readonly options: Partial<GenerationOptions> & { readonly tokens: number };
}

/** How a text ended. */
export interface Written {
  readonly finish: "stop" | "length";
  readonly promptTokens: number;
  readonly writtenTokens: number;
}

export class ServedModel {
  readonly id: string;
  private readonly parts: ServedParts;
  private readonly prompts: MarkedPrompts;
  private readonly reader: Reader;
  /** Undefined if the model has no memory. */
  private readonly empty: MemorySnapshot | undefined;
  /** What was found when a template was first asked for. */
  private found: { readonly template: ChatTemplate | undefined } | undefined;

  /** @throws InputError if another model made the memory `known` */
  constructor(parts: ServedParts) {
    const { id, model, tokenizer, known, memorySize = known?.size } = parts;
    this.id = id;
    this.parts = parts;
    this.prompts = markedPrompts(tokenizer);
    this.reader = new Reader(model, this.prompts.tokenizer, { memorySize });
    this.empty = this.reader.memorySize > 0 ? this.reader.snapshot() : undefined;
    if (known !== undefined) this.begin(known);
  }

  /** Pairs that a head remembers, at most; 0 if the model has no memory. */
  get memorySize(): number {
    return this.reader.memorySize;
  }

  /** @throws InputError if the model has a template of an unknown kind */
  get template(): ChatTemplate | undefined {
    this.found ??= { template: this.parts.template?.() };
    return this.found.template;
  }

  /** Writes the text of `job` with a copy of `memory`. `onText` gets it piece by piece. Throws the signal's reason after an abort. */
  async write(
    job: Job,
    memory: MemorySnapshot | undefined,
    signal: AbortSignal,
    onText: (text: string) => void,
  ): Promise<Written> {
    this.begin(memory ?? this.parts.known ?? this.empty);
    const prompt = this.prompts.take(job.prompt);
    const stops = new StopTexts(job.stops);
    let [dropsSpace, writtenTokens, ended] = [job.dropsSpace, 0, false];
    const send = (text: string) => {
      if (text !== "") onText(text);
    };
    const withoutSpace = (text: string) => {
      const shown = dropsSpace && text.startsWith(" ") ? text.slice(1) : text;
      dropsSpace &&= text === "";
      return shown;
    };
    for await (const { id, text } of this.reader.generate(prompt, { ...job.options, signal })) {
      writtenTokens++;
      send(stops.push(withoutSpace(text)));
      ended = stops.ended || this.parts.model.stopIds.includes(id);
      if (stops.ended) break;
    }
    signal.throwIfAborted();
    send(stops.flush());
    const finish = ended ? "stop" : "length";
    return { finish, promptTokens: this.prompts.count(), writtenTokens };
  }

  /**
   * Reads a document behind what `memory` holds (default: nothing), and returns the memory that comes of it.
   * @throws InputError if the model has no memory, and the signal's reason after an abort
   */
  async read(
    text: string,
    name: string,
    memory: MemorySnapshot | undefined,
    signal: AbortSignal,
  ): Promise<MemorySnapshot> {
    if (this.empty === undefined) throw new InputError(`the model ${this.id} has no memory that could be kept`);
    this.begin(memory ?? this.empty);
    this.prompts.take("");
    await this.reader.read(text, { name, signal });
    signal.throwIfAborted();
    return this.reader.snapshot();
  }

  release(): void {
    this.reader.release();
  }

  private begin(memory: MemorySnapshot | undefined): void {
    if (memory !== undefined) this.reader.restore(memory);
  }
}
