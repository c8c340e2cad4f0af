/**
 * A model that somebody else trained: one forward pass for every family, computed from its description. With a memory it reads texts
 * that are longer than its window (see reading-settings.ts). It has the shape of model/transformer.ts.
 */
import { add, scale } from "../autodiff/ops/elementwise.ts";
import { noGrad } from "../autodiff/tape.ts";
import type { Tensor } from "../autodiff/tensor.ts";
import { check, instance, type Kind } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import type { LanguageModel } from "../nn/language-model.ts";
import type { Parameters } from "../nn/parameters.ts";
import { requireInput, type SegmentInput } from "../nn/segment.ts";
import type { Architecture } from "./architecture.ts";
import { type BlockInput, block, extendWithPairs } from "./block.ts";
import { DecoderState, type DecoderStateOptions } from "./decoder-state.ts";
import { allMemoryHeads, memoryLayersOf, type ReadingSettings } from "./reading-settings.ts";
import type { Weights } from "./weights.ts";

/** A decoder: its description, its weights, and the forward pass over a segment. */
export class Decoder implements LanguageModel {
  /** What it is. */
  readonly architecture: Architecture;
  /** How its states read, where they do not say otherwise. */
  readonly settings: Partial<ReadingSettings>;
  /** Vocabularies are often made longer than the tokenizer's, to be a multiple of something. */
  readonly padsVocabulary = true;
  /** Trained on texts that begin with a token of their own, where the tokenizer says so. */
  readonly framesTexts = true;
  private readonly weights: Weights;
  private readonly digest: string | undefined;

  /** Takes over the weights. `digest`: that of the files that they come from, which memories carry. */
  constructor(
    architecture: Architecture,
    weights: Weights,
    settings: Partial<ReadingSettings> = {},
    digest: string | undefined = undefined,
  ) {
    this.architecture = architecture;
    this.weights = weights;
    this.settings = settings;
    this.digest = digest;
  }

  /** V, rows of the embedding. */
  get vocabulary(): number {
    return this.architecture.vocabulary;
  }

  /** Tokens that end a text. */
  get stopIds(): readonly number[] {
    return this.architecture.stopIds;
  }

  /** Layers that can have a memory. */
  get memoryLayers(): readonly number[] {
    return memoryLayersOf({ memoryHeads: this.settings.memoryHeads ?? allMemoryHeads(this.architecture) });
  }

  /** M of its states where they do not say otherwise. */
  get memorySize(): number {
    return this.settings.memorySize ?? 0;
  }

  /** The digest of the files that its weights come from. */
  fingerprint(): string {
    if (this.digest !== undefined) return this.digest;
    throw new InputError("the model was not read from files, so a memory cannot name it");
  }

  /** @throws InputError if `state` is not one of this model */
  requireState(state: DecoderState): void {
    check("state", state, aDecoderState);
    state.requireFit(this.architecture);
  }

  /** Its weights, those that are floats; of a model in training, those that learn. */
  get parameters(): Parameters {
    return this.weights.parameters;
  }

  /** A copy of the numbers of one of its floats, whether it learns or not. */
  weight(name: string): Float32Array {
    return this.weights.get(name).toArray();
  }

  /** Returns a fresh state, which has read and remembered nothing. */
  newState(options: DecoderStateOptions): DecoderState {
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    const { sinkDistance, ...settings } = this.settings;
    const own = given.window === undefined ? this.settings : settings; // the distance of sinks belongs to a window
    return new DecoderState(this.architecture, { rows: options.rows, ...own, ...given });
  }

  /** Returns logits [B, n, V] for the token after each input token. Advances `state`. */
  forward(input: SegmentInput, state: DecoderState): Tensor {
    return this.logits(this.hidden(input, state));
  }

  /** Returns the residual stream after the last block, before the last norm, [B, n, C]. Advances `state`. */
  hidden(input: SegmentInput, state: DecoderState): Tensor {
    this.requireState(state);
    requireInput(input, state.rows, state.room, this.architecture.vocabulary);
    const { ids, starts, lengths } = input;
    state.begin(starts);
    const window = state.again;
    if (window) noGrad(() => this.blocks(window, input, state, true));
    const x = this.blocks(ids, input, state, false);
    state.advance(ids, lengths);
    return x;
  }

  /**
   * Reads the next tokens for what they leave in the memories alone, to the bit as `hidden` does. Nothing behind the keys and values of the last
   * layer with a memory is computed, no lookup there either. The document must end before anything is predicted. Advances `state`; no gradients.
   */
  memorize(input: SegmentInput, state: DecoderState): void {
    this.requireState(state);
    const last = Math.max(...state.memories.keys());
    if (last < 0) return void noGrad(() => this.hidden(input, state));
    requireInput(input, state.rows, state.room, this.architecture.vocabulary);
    state.begin(input.starts, true);
    const passes = [state.again, input.ids].filter((ids) => ids !== undefined);
    for (const ids of passes) noGrad(() => this.extend(ids, last, input, state, ids !== input.ids));
    state.advance(input.ids, input.lengths, last + 1);
  }

  /** The tokens [B, n] through all blocks, [B, n, C]. */
  private blocks(ids: Int32Array, input: SegmentInput, state: DecoderState, again: boolean): Tensor {
    return this.firstBlocks(this.architecture.layers, ids, this.blockInput(input, state, again));
  }

  /** The tokens [B, n] through the blocks before the `last`, and their keys and values there. */
  private extend(ids: Int32Array, last: number, input: SegmentInput, state: DecoderState, again: boolean): void {
    const given = this.blockInput(input, state, again);
    extendWithPairs(this.firstBlocks(last, ids, given), last, given);
  }

  private blockInput({ reach, observe }: SegmentInput, state: DecoderState, again: boolean): BlockInput {
    const { architecture, weights } = this;
    return { architecture, weights, state, again, reach, observe: again ? undefined : observe };
  }

  /** The tokens [B, n] through the first `count` blocks, [B, n, C]. */
  private firstBlocks(count: number, ids: Int32Array, input: BlockInput): Tensor {
    let x = this.embed(ids, input.state, input.again);
    for (let layer = 0; layer < count; layer++) x = block(x, layer, input);
    return x;
  }

  /** What enters the first block, [B, n, C]. */
  private embed(ids: Int32Array, state: DecoderState, again: boolean): Tensor {
    const { embeddingScale, positions } = this.architecture;
    const shape = [state.rows, ids.length / state.rows];
    const embedded = this.weights.rows("embed", ids, shape);
    const x = embeddingScale === 1 ? embedded : scale(embedded, embeddingScale);
    if (positions.kind !== "learned") return x;
    return add(x, this.weights.rows("positions", state.learnedPositions(state.pastOf(again), shape[1]), shape));
  }

  /** The last norm: x [B, n, C] → [B, n, C]. */
  normed(x: Tensor): Tensor {
    return this.weights.norm(x, "norm");
  }

  /** The head behind the last norm: x [B, n, C] → [B, n, V]. */
  logits(x: Tensor): Tensor {
    return this.weights.linear(this.normed(x), this.architecture.tiedHead ? "embed" : "head");
  }

  /** Frees the weights; the model must not be used afterwards. */
  release(): void {
    this.weights.release();
  }

  /** Releases it, at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.release();
  }
}

const aDecoderState: Kind = instance(DecoderState, "a state that newState() made");
