/**
 * A model that reads: what most programs want of this library, behind one object. It has a model, its tokenizer and a memory;
 * documents are read into it, text is generated and judged by what it knows, and all of that can be kept and put back.
 *
 * Each document, and each generated text with its prompt, enters the memory whole and is context no more. Nothing is
 * computed here. While a reader lives, its model must not be trained.
 */

import { aText, check, checkOptions, type Kinds, optional, someOptions } from "./base/check.ts";
import { InputError } from "./base/errors.ts";
import { Lifetime } from "./base/lifetime.ts";
import { type Inspection, type InspectOptions, inspect } from "./inspect/inspect.ts";
import type { KvMemory } from "./memory/memory.ts";
import { type MemorySnapshot, requireModel, restoreSnapshot, takeSnapshot } from "./memory/snapshot.ts";
import { requireSnapshot } from "./memory/snapshot-check.ts";
import { fingerprint } from "./model/fingerprint.ts";
import {
  type GeneratedToken,
  type GenerationOptions,
  generate,
  type ReadingOptions,
  readDocument,
} from "./model/generate.ts";
import { aMemorySize, type ModelState } from "./model/state.ts";
import { requireVocabulary, type Transformer } from "./model/transformer.ts";
import type { Tokenizer } from "./text/tokenizer.ts";
import { evaluate } from "./train/evaluate.ts";

/** How much a reader remembers. */
export interface ReaderOptions {
  /** M, pairs that a head remembers. Default: the configuration's. */
  readonly memorySize?: number;
}

const readerKinds: Kinds<ReaderOptions> = { memorySize: optional(aMemorySize) };

/** A model, its tokenizer and a memory: reads documents, and writes and judges text by what it knows. */
export class Reader {
  /** The model, which several readers may share. */
  readonly model: Transformer;
  /** The tokenizer of the model. */
  readonly tokenizer: Tokenizer;
  /** One row, between two documents unless the reader is at work. */
  private readonly kept: ModelState;
  private readonly life = new Lifetime("this Reader");
  private atWork = false;
  private computedFingerprint: string | undefined;

  /**
   * Makes a reader that has read nothing.
   * @throws InputError if the tokenizer is not the model's, or the memory is larger than what is left for it
   */
  constructor(model: Transformer, tokenizer: Tokenizer, options: ReaderOptions = {}) {
    requireVocabulary(model, tokenizer);
    checkOptions("a reader's options", options, readerKinds);
    this.model = model;
    this.tokenizer = tokenizer;
    this.kept = model.newState({ rows: 1, memorySize: options.memorySize, tokenizer });
  }

  /** M, how many tokens can be remembered; older ones are forgotten first. */
  get memorySize(): number {
    return this.memories.at(0)?.size ?? 0;
  }

  /** How many tokens are remembered. */
  get remembered(): number {
    return this.memories.at(0)?.length(0) ?? 0;
  }

  /** Bytes that the memories of all layers take. */
  get memoryBytes(): number {
    return this.memories.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Memorizes a document, called `name` where it is cited. An abort ends it early, with what was read till then. */
  async read(text: string, options: ReadingOptions & { readonly name?: string } = {}): Promise<void> {
    check("text", text, aText);
    this.beginWork();
    try {
      await readDocument(this.model, this.state, this.tokenizer.encode(text), options);
    } finally {
      this.endWork();
    }
  }

  /** Goes on from `prompt`, token by token; options and their defaults are those of `generationFields`. Memorizes both. */
  async *generate(
    prompt: string,
    options: Partial<GenerationOptions> & { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<GeneratedToken, void> {
    check("prompt", prompt, aText);
    this.beginWork();
    try {
      this.state.sources.at(0)?.openDocument("(prompt)");
      yield* generate(this.model, this.tokenizer, this.state, this.tokenizer.encode(prompt), options);
    } finally {
      this.endWork();
    }
  }

  /**
   * exp(mean −ln p) of the tokens of `text` after its first, predicted from what is remembered and from the text itself.
   * Does not memorize the text: meanwhile there is a second memory of the same size.
   * @throws InputError if the text has fewer than two tokens
   */
  perplexity(text: string): number {
    check("text", text, aText);
    const ids = this.tokenizer.encode(text);
    const document = { name: "the text", tokens: () => ids };
    const known = this.memorySize > 0 ? this.snapshot() : undefined;
    return evaluate(this.model, [document], this.tokenizer, { memorySizes: [this.memorySize], known }).results[0]
      .perplexity;
  }

  /**
   * Reads `text` with what is remembered and without, and tells of each token what was retrieved and what that helped; see
   * `summarize`, too. Does not memorize the text: meanwhile there is a second memory of the same size.
   * @throws InputError if the text has fewer than two tokens, or the model, or this reader, has no memory
   */
  async inspect(text: string, options: Omit<InspectOptions, "memorySize" | "known"> = {}): Promise<Inspection> {
    check("text", text, aText);
    check("options", options, someOptions);
    return inspect(this.model, this.tokenizer, this.tokenizer.encode(text), { ...options, known: this.snapshot() });
  }

  /** A copy of all that is remembered. Throws an InputError if the model, or this reader, has no memory. */
  snapshot(): MemorySnapshot {
    this.requireLeisure();
    return takeSnapshot(this.state, 0, this.fingerprint);
  }

  /**
   * Remembers what `snapshot` does instead; of more than fits, the newest.
   * @throws InputError if another model made it
   */
  restore(snapshot: MemorySnapshot): void {
    this.requireLeisure();
    requireSnapshot(snapshot);
    requireModel(snapshot, this.fingerprint);
    restoreSnapshot(this.state, 0, snapshot);
  }

  /** Gives the memory back; the reader must not be used afterwards. The model stays. */
  release(): void {
    this.life.end(() => this.kept.release());
  }

  /** Releases it, at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.release();
  }

  /** The state, while the reader is not released. */
  private get state(): ModelState {
    this.life.require();
    return this.kept;
  }

  /** All memories of the state. */
  private get memories(): KvMemory[] {
    return [...this.state.memories.values()];
  }

  /** Fingerprint of the model, computed once. */
  private get fingerprint(): string {
    this.computedFingerprint ??= fingerprint(this.model);
    return this.computedFingerprint;
  }

  /** Throws if something is at work. */
  private requireLeisure(): void {
    this.life.require();
    if (this.atWork)
      throw new InputError("a Reader does one thing at a time; await read() and finish generate() first");
  }

  /** Marks the reader as at work. */
  private beginWork(): void {
    this.requireLeisure();
    this.atWork = true;
  }

  /** Ends the document, and the work. */
  private endWork(): void {
    this.atWork = false;
    if (!this.life.ended) this.state.endDocument();
  }
}
