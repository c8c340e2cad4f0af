/**
 * Models from named files that are in memory already, as in a page where they were dropped: our own, or those that others trained.
 * train/open-model.ts has them by path, open-url.ts by address.
 */
import { check, instance, isArrayOf, type Kind, someOptions } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { calibrationPath } from "../families/calibration.ts";
import { type ModelFiles, readGgufModel, readModelFiles } from "../families/foreign-model.ts";
import { type ForeignOptions, openForeign } from "../families/open-foreign.ts";
import { type ByteSource, sourceOf } from "../formats/byte-source.ts";
import { jsonOf } from "../formats/json.ts";
import { readSafetensors } from "../formats/safetensors.ts";
import type { OpenedModel } from "../nn/opened-model.ts";
import { tokenizerFromJson } from "../text/tokenizer.ts";
import { applyOverrides, parseConfig } from "./config.ts";
import { isOwnConfig, openedOwn, ownOverrides } from "./open-own.ts";
import { modelFromTensors } from "./pretrained.ts";

/** A file of a model: its name, without a directory, and its bytes. A File of a page is a Blob. */
export interface NamedFile {
  /** Such as "config.json", or "SmolLM2-135M.gguf". */
  readonly name: string;
  /** Its content. */
  readonly data: Uint8Array | Blob;
}

const someFiles: Kind = {
  what: "an array of at least one file, each with a name and data, a Uint8Array or a Blob",
  accepts: (value) => isArrayOf(value, isFile) && (value as unknown[]).length > 0,
};

function isFile(value: unknown): boolean {
  const { name, data }: Partial<Record<keyof NamedFile, unknown>> = Object(value);
  return typeof name === "string" && (instance(Uint8Array, "").accepts(data) || data instanceof Blob);
}

/**
 * Opens the model in these files: one .gguf, or those of a directory as `transformers` or this program writes it.
 * @throws InputError that names the file, key or tensor which is missing, damaged or not understood
 */
export async function openModelFromFiles(
  files: readonly NamedFile[],
  options: ForeignOptions = {},
): Promise<OpenedModel> {
  check("files", files, someFiles);
  check("options", options, someOptions);
  const bytes = new Map<string, Uint8Array>();
  for (const { name, data } of files) {
    bytes.set(name, data instanceof Uint8Array ? data : new Uint8Array(await data.arrayBuffer()));
  }
  const open = (file: string) => {
    const content = bytes.get(file);
    return content && sourceOf(content, file);
  };
  const gguf = [...bytes.keys()].filter((name) => name.endsWith(".gguf"));
  if (gguf.length > 1) throw new InputError(`${gguf.join(" and ")} are two models; give the files of one`);
  if (gguf.length === 1) {
    const [file, calibration] = [gguf[0], calibrationPath(gguf[0], false)].map(open);
    return openForeign(readGgufModel(file as ByteSource, calibration), options);
  }
  return openDirectory({ name: "the model", open }, options);
}

function openDirectory(files: ModelFiles, options: ForeignOptions): OpenedModel {
  const config = files.open("config.json");
  if (config === undefined || !isOwnConfig(jsonOf(config))) return openForeign(readModelFiles(files), options);
  const [weights, tokenizer] = ["model.safetensors", "tokenizer.json"].map((name) => {
    const source = files.open(name);
    if (source === undefined) throw new InputError(`${files.name} has no ${name}`);
    return source;
  });
  const chosen = applyOverrides(parseConfig(jsonOf(config), config.name), ownOverrides(options, files.name));
  const { tensors } = readSafetensors(weights.read(0, weights.size), weights.name);
  const read = tokenizerFromJson(jsonOf(tokenizer), tokenizer.name);
  if (read.vocabSize !== chosen.vocab_size) {
    throw new InputError(
      `${config.name}: vocab_size is ${chosen.vocab_size}, but ${tokenizer.name} has ${read.vocabSize} tokens`,
    );
  }
  return openedOwn(modelFromTensors(chosen, tensors, weights.name), read, files.name);
}
