/**
 * A model that reads: the one object that most programs need of this library. It has a model, its tokenizer and a memory. It
 * reads documents, then generates and evaluates text with what it remembers. Its memory can be saved and restored.
 *
 * Each document, and each generated text with its prompt, enters the memory completely and leaves the context. This file
 * computes nothing itself. While a reader is in use, its model must not be trained.
 */

import { aText, check, checkOptions, type Kinds, optional, someOptions } from "./base/check.ts";
import { InputError } from "./base/errors.ts";
import { Lifetime } from "./base/lifetime.ts";
import { type Inspection, type InspectOptions, inspect } from "./inspect/inspect.ts";
import {
  type InspectedGenerationOptions,
  type InspectedToken,
  inspectGeneration,
} from "./inspect/inspected-generation.ts";
import type { KvMemory } from "./memory/memory.ts";
import { type MemorySnapshot, requireModel, restoreSnapshot, takeSnapshot } from "./memory/snapshot.ts";
import { requireSnapshot } from "./memory/snapshot-check.ts";
import {
  type GeneratedToken,
  type GenerationOptions,
  generate,
  memorizeDocument,
  memorizeLast,
  type ReadingOptions,
} from "./model/generate.ts";
import { aMemorySize } from "./model/state.ts";
import {
  documentIds,
  type LanguageModel,
  promptIds,
  type ReadingState,
  requireVocabulary,
} from "./nn/language-model.ts";
import type { Tokenizer } from "./text/tokenizer.ts";
import { evaluate } from "./train/evaluate.ts";

/** The size of a reader. */
export interface ReaderOptions {
  /** M, pairs that a head remembers. Default: the configuration's. */
  readonly memorySize?: number;
}

const readerKinds: Kinds<ReaderOptions> = { memorySize: optional(aMemorySize) };

/** A model, its tokenizer and a memory: reads documents, then generates and evaluates text with what it remembers. */
export class Reader {
  /** The model; several readers may share it. */
  readonly model: LanguageModel;
  /** The tokenizer of the model. */
  readonly tokenizer: Tokenizer;
  /** One row; between two documents, except while the reader is busy. */
  private readonly kept: ReadingState;
  private readonly life = new Lifetime("this Reader");
  private busy = false;
  private computedFingerprint: string | undefined;

  /**
   * Makes a reader that has read nothing.
   * @throws InputError if the tokenizer is not the model's, or the memory does not fit into the rest of the heap
   */
  constructor(model: LanguageModel, tokenizer: Tokenizer, options: ReaderOptions = {}) {
    requireVocabulary(model, tokenizer);
    checkOptions("a reader's options", options, readerKinds);
    this.model = model;
    this.tokenizer = tokenizer;
    this.kept = model.newState({ rows: 1, memorySize: options.memorySize, tokenizer });
  }

  /** M, the most tokens that can be remembered; older ones are forgotten first. */
  get memorySize(): number {
    return this.memories.at(0)?.size ?? 0;
  }

  /** The number of tokens remembered now. */
  get remembered(): number {
    return this.memories.at(0)?.length(0) ?? 0;
  }

  /** Bytes that the memories of all layers take. */
  get memoryBytes(): number {
    return this.memories.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Memorizes a document; citations call it `name`. After an abort, the tokens read so far are remembered. */
  async read(text: string, options: ReadingOptions & { readonly name?: string } = {}): Promise<void> {
    check("text", text, aText);
    this.beginWork();
    try {
      await memorizeDocument(this.model, this.state, documentIds(this.model, this.tokenizer, text), options);
    } finally {
      this.endWork();
    }
  }

  /** Continues `prompt`, token by token, and memorizes both. `generationFields` lists the options and their defaults. */
  async *generate(
    prompt: string,
    options: Partial<GenerationOptions> & { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<GeneratedToken, void> {
    yield* this.write(prompt, options, (state, ids) => generate(this.model, this.tokenizer, state, ids, options));
  }

  /** `generate`, where each token comes with what was retrieved for it, those pairs that had the largest shares. */
  async *generateInspected(
    prompt: string,
    options: InspectedGenerationOptions = {},
  ): AsyncGenerator<InspectedToken, void> {
    yield* this.write(prompt, options, (state, ids) =>
      inspectGeneration(this.model, this.tokenizer, state, ids, options),
    );
  }

  /**
   * Returns exp(mean −ln p) of the tokens of `text` after its first, predicted from the memory and from the text itself.
   * Does not memorize the text. Needs a second memory of the same size meanwhile.
   * @throws InputError if the text has fewer than two tokens
   */
  perplexity(text: string): number {
    check("text", text, aText);
    const ids = documentIds(this.model, this.tokenizer, text);
    const document = { name: "the text", tokens: () => ids };
    const known = this.memorySize > 0 ? this.snapshot() : undefined;
    return evaluate(this.model, [document], this.tokenizer, { memorySizes: [this.memorySize], known }).results[0]
      .perplexity;
  }

  /**
   * Reads `text` with the memory and without it, and reports what each token retrieved and gained. `summarize` adds it up.
   * Does not memorize the text. Needs a second memory of the same size meanwhile.
   * @throws InputError if the text has fewer than two tokens, or the model, or this reader, has no memory
   */
  async inspect(text: string, options: Omit<InspectOptions, "memorySize" | "known"> = {}): Promise<Inspection> {
    check("text", text, aText);
    check("options", options, someOptions);
    return inspect(this.model, this.tokenizer, documentIds(this.model, this.tokenizer, text), {
      ...options,
      known: this.snapshot(),
    });
  }

  /** Copies everything remembered. Throws an InputError if the model, or this reader, has no memory. */
  snapshot(): MemorySnapshot {
    this.requireIdle();
    return takeSnapshot(this.state, 0, this.fingerprint);
  }

  /**
   * Replaces the memory by `snapshot`; if there are more pairs than fit, only the newest stay.
   * @throws InputError if another model made it
   */
  restore(snapshot: MemorySnapshot): void {
    this.requireIdle();
    requireSnapshot(snapshot);
    requireModel(snapshot, this.fingerprint);
    restoreSnapshot(this.state, 0, snapshot);
  }

  /** Frees the memory; the reader must not be used afterwards. The model stays. */
  release(): void {
    this.life.end(() => this.kept.release());
  }

  /** Releases it, at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.release();
  }

  /** Writes what `generator` yields behind the prompt, and memorizes both. */
  private async *write<T extends GeneratedToken>(
    prompt: string,
    options: { readonly signal?: AbortSignal },
    generator: (state: ReadingState, ids: Int32Array) => AsyncGenerator<T, void>,
  ): AsyncGenerator<T, void> {
    check("prompt", prompt, aText);
    this.beginWork();
    let unread: number | undefined;
    try {
      this.state.sources.at(0)?.openDocument("(prompt)");
      const ids = promptIds(this.model, this.tokenizer, prompt);
      for await (const token of generator(this.state, ids)) {
        unread = token.id;
        yield token;
      }
      if (!options.signal?.aborted) unread ??= ids.at(-1);
    } catch (error) {
      unread = undefined;
      throw error;
    } finally {
      if (unread !== undefined && !this.life.ended) memorizeLast(this.model, this.state, unread);
      this.endWork();
    }
  }

  /** The state; refused after the reader's release. */
  private get state(): ReadingState {
    this.life.require();
    return this.kept;
  }

  /** All memories of the state. */
  private get memories(): KvMemory[] {
    return [...this.state.memories.values()];
  }

  /** Fingerprint of the model, computed once. */
  private get fingerprint(): string {
    this.computedFingerprint ??= this.model.fingerprint();
    return this.computedFingerprint;
  }

  /** Refuses a call while the reader is busy. */
  private requireIdle(): void {
    this.life.require();
    if (this.busy) throw new InputError("a Reader does one thing at a time; await read() and finish generate() first");
  }

  /** Marks the reader as busy. */
  private beginWork(): void {
    this.requireIdle();
    this.busy = true;
  }

  /** Ends the document, and the work. */
  private endWork(): void {
    this.busy = false;
    if (!this.life.ended) this.state.endDocument();
  }
}
