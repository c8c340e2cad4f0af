/** A model, ours or one that others trained, with everything that reading and writing with it needs. */
import type { ChatTemplate } from "../text/chat.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { LanguageModel, TrainableModel } from "./language-model.ts";

/** A model, its tokenizer, and how it was taught to converse. */
export interface OpenedModel {
  /** The model. */
  readonly model: LanguageModel;
  /** Its tokenizer, which may have fewer tokens than the model has rows. */
  readonly tokenizer: Tokenizer;
  /** What a user should know, a sentence each. */
  readonly notes: readonly string[];
  /** Returns the template of its conversations. Throws an InputError if it has none, or one of an unknown kind. */
  chatTemplate(): ChatTemplate;
}

/** A model that was opened to be trained further. */
export interface OpenedForTraining {
  /** The model. */
  readonly model: TrainableModel;
  /** Its tokenizer. */
  readonly tokenizer: Tokenizer;
  /** What a user should know, a sentence each. */
  readonly notes: readonly string[];
}
