/** What a file for one family provides: how its config.json is read, and how its files name and lay out the weights. */
import type { Architecture, Family } from "./architecture.ts";
import type { ConfigReader } from "./config-reader.ts";
import type { Layout } from "./layout.ts";

/** A family of models. */
export interface FamilyReader {
  readonly family: Family;
  /** The description that the configuration asks for. Throws an InputError that names the file and the key. */
  describe(config: ConfigReader): Architecture;
  /** The names of files that `transformers` writes. */
  readonly names: FileNames;
}

/** Names and layouts of weights in files of one kind. */
export interface FileNames {
  /** What all names but the head's begin with; files saved without a head lack it. */
  readonly prefix: string;
  /**
   * The file's module for every canonical one, with # for the number of the layer: `layers.#.q` → `h.#.attn.c_attn`. The
   * last part of a name, `weight` or `bias`, is the same in both.
   */
  readonly modules: Readonly<Record<string, string>>;
  /** The module of the head, which has no prefix. */
  readonly head: string;
  /** Names, without their prefix, of tensors that are not weights: masks, tables of angles. */
  readonly ignored?: RegExp;
  /** How the tensor that holds a module's weights is laid out; the same as here by default. */
  layout?(module: string, architecture: Architecture): Layout | undefined;
}
