/**
 * A language model as all that reads sees it: evaluation, generation, inspection, memories; and what training asks of it besides. Our
 * own model and the decoders that others trained implement both.
 */
import type { Tensor } from "../autodiff/tensor.ts";
import { check, type Kind, withMethods } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import type { Releasable } from "../base/lifetime.ts";
import type { Random } from "../base/random.ts";
import type { StoredTensor } from "../formats/safetensors.ts";
import type { TensorReader } from "../formats/tensor-reader.ts";
import type { ServedPairs } from "../memory/served/served-pairs.ts";
import type { Remembering } from "../memory/snapshot.ts";
import type { TokenBytes } from "../memory/sources.ts";
import { aTokenizer, type Tokenizer } from "../text/tokenizer.ts";
import { Parameters } from "./parameters.ts";
import type { SegmentInput } from "./segment.ts";

/** The size of a state. */
export interface StateOptions {
  /** B, documents side by side. */
  readonly rows: number;
  /** M; 0 is the model without memory. Default: the model's. */
  readonly memorySize?: number;
  /** The tokenizer of the text. With it, the state notes the sources of its remembered pairs. */
  readonly tokenizer?: TokenBytes;
  /** Pairs that others serve, which are looked up besides its own. Only our own model can, and only without gradients. */
  readonly served?: ServedPairs;
}

/** What a model carries from one segment to the next: context, memories, and their sources. */
export interface ReadingState extends Remembering, Releasable {
  /** B, documents side by side. */
  readonly rows: number;
  /** T, tokens of a segment. */
  readonly segmentLength: number;
  /** Pairs that others serve, if it looks up any. */
  readonly served?: ServedPairs;
  /** Tokens that still fit into the current segment, or into the next if the current one is full. */
  readonly room: number;
  /** The query heads of a layer that look pairs up, in the order of its retrievals. */
  retrievingHeads(layer: number): readonly number[];
  /** Makes room for the next tokens. `starts` [B] is 1 for each row whose document begins here; `forMemoriesAlone` as in `memorize`. */
  begin(starts: ArrayLike<number> | undefined, forMemoriesAlone?: boolean): void;
  /** Ends a document: its last tokens enter the memories, and the next text has no context. */
  endDocument(): void;
}

/** A model that reads. */
export interface LanguageModel extends Releasable {
  /** V, rows of the embedding. */
  readonly vocabulary: number;
  /** Whether the last rows may belong to no token. */
  readonly padsVocabulary: boolean;
  /** Whether it was trained on texts between the tokens that its tokenizer puts around them. */
  readonly framesTexts: boolean;
  /** Tokens that end what it writes. */
  readonly stopIds: readonly number[];
  /** Layers that can have a memory, in ascending order. */
  readonly memoryLayers: readonly number[];
  /** M of its states where they do not say otherwise. */
  readonly memorySize: number;
  /** Returns a fresh state, which has read and remembered nothing. */
  newState(options: StateOptions): ReadingState;
  /** Refuses a state of another model. Throws an InputError if the state is not one of this model. */
  requireState(state: ReadingState): void;
  /** Returns logits [B, n, V] for the token after each input token. Advances `state`. */
  forward(input: SegmentInput, state: ReadingState): Tensor;
  /** Returns the residual stream after the last block, [B, n, C]. Advances `state`. */
  hidden(input: SegmentInput, state: ReadingState): Tensor;
  /**
   * Reads the next tokens for what they leave in the memories alone, which is to the bit what `hidden` leaves there. Nothing behind the keys and values
   * of the last memory is computed, so the document must end before anything is predicted. Advances `state`; no gradients.
   */
  memorize(input: SegmentInput, state: ReadingState): void;
  /** Returns the digest that its memories carry: of the weights, and of their meaning. */
  fingerprint(): string;
}

/** A state that a checkpoint can keep. */
export interface TrainingState extends ReadingState {
  /** Copies everything that was read and remembered, by names that begin with `prefix`. Changes no later result. */
  save(prefix?: string): Map<string, StoredTensor>;
  /** Restores what `save` copied; later results are bit-identical. Throws an InputError for tensors that do not fit. */
  load(reader: TensorReader, prefix?: string): void;
}

/** A model that can be trained. */
export interface TrainableModel extends LanguageModel {
  /** Those that learn. */
  readonly parameters: Parameters;
  /** Returns a fresh state, which has read and remembered nothing. */
  newState(options: StateOptions): TrainingState;
  /** Called before a training step, when `steps` others are done: draws anew what the model draws at intervals, if anything. */
  beforeStep?(steps: number, random: Random, states: readonly TrainingState[]): void;
}

/** The check for arguments called `model`. */
export const aLanguageModel: Kind = withMethods(
  "a model, such as a Transformer",
  "newState",
  "requireState",
  "forward",
  "hidden",
  "memorize",
  "fingerprint",
);

/** The check for models that are trained or saved. */
export const aTrainableModel: Kind = {
  what: "a model whose parameters learn, such as a Transformer",
  accepts(value) {
    const { parameters }: { parameters?: unknown } = Object(value);
    return (
      aLanguageModel.accepts(value) &&
      parameters instanceof Parameters &&
      parameters.blocks.every(({ gradients, size }) => gradients.size === size)
    );
  },
};

/** @throws InputError if these are not a model and a tokenizer that knows the model's tokens */
export function requireVocabulary(model: LanguageModel, tokenizer: Tokenizer): void {
  check("model", model, aLanguageModel);
  check("tokenizer", tokenizer, aTokenizer);
  const { vocabulary, padsVocabulary } = model;
  if (padsVocabulary || tokenizer.vocabSize >= vocabulary) return;
  throw new InputError(
    `tokenizer: it has ${tokenizer.vocabSize} tokens, but the model ${vocabulary}; take the model's own`,
  );
}

/** The tokens of a document as the model was trained to read it. */
export function documentIds(model: LanguageModel, tokenizer: Tokenizer, text: string): Int32Array {
  return tokenizer.encode(text, { framed: model.framesTexts });
}

/** The tokens of a text that the model is to continue: a frame begins it, but does not end it. */
export function promptIds(model: LanguageModel, tokenizer: Tokenizer, text: string): Int32Array {
  return tokenizer.encode(text, { framed: model.framesTexts && "begin" });
}
