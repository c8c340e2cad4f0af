/** The chat template that a model on disk brings: in files next to it, or in the metadata of a GGUF file. */
import { readGguf } from "../formats/gguf.ts";
import { readJson } from "../formats/json-file.ts";
import { fileRanges } from "../platform/file-ranges.ts";
import { exists, isDirectory } from "../platform/files.ts";
import { readText } from "../platform/read-file.ts";
import { type ChatTemplate, chatTemplate } from "../text/chat.ts";
import { readTokenizerConfig } from "../text/tokenizer-config.ts";

/**
 * The template of the model at `path`, a directory or a GGUF file; undefined if it has none.
 * @throws InputError if it has one of a kind that is not known
 */
export function templateAt(path: string): ChatTemplate | undefined {
  return isDirectory(path) ? templateIn(path) : templateOfGguf(path);
}

function templateIn(directory: string): ChatTemplate | undefined {
  const [config, jinja] = [`${directory}/tokenizer_config.json`, `${directory}/chat_template.jinja`];
  const { tokens, chatTemplate: inConfig } = exists(config)
    ? readTokenizerConfig(readJson(config), config)
    : { tokens: {} };
  const template = exists(jinja) ? readText(jinja) : inConfig;
  return template === undefined ? undefined : chatTemplate(template, tokens, directory);
}

function templateOfGguf(path: string): ChatTemplate | undefined {
  const { metadata } = readGguf(fileRanges(path));
  const template = metadata.get("tokenizer.chat_template");
  if (typeof template !== "string") return undefined;
  const spelled = metadata.get("tokenizer.ggml.tokens");
  const token = (key: string) => {
    const id = metadata.get(`tokenizer.ggml.${key}_token_id`);
    const text = Array.isArray(spelled) && typeof id === "number" ? spelled[id] : undefined;
    return typeof text === "string" ? text : undefined;
  };
  return chatTemplate(template, { bos: token("bos"), eos: token("eos") }, path);
}
