/**
 * Files that people find in place of weights, a memory, a configuration or a tokenizer, because a download or a checkout went
 * another way than they thought. Each is called by its name, from its first bytes.
 */
import { InputError } from "../base/errors.ts";

/** A kind of file, its first bytes (as Latin-1), and how to get the right one. */
const KINDS: readonly { readonly what: string; readonly begins: RegExp; readonly advice: string }[] = [
  {
    what: "a Git LFS pointer",
    begins: /^version https:\/\/git-lfs\./,
    advice: "fetch the file itself with git lfs pull",
  },
  {
    what: "an HTML page",
    begins: /^(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|body)\b/i,
    advice: "download the file itself, not the page about it",
  },
  { what: "an XML document", begins: /^(?:\xef\xbb\xbf)?\s*<\?xml\b/, advice: "it may say why the download failed" },
  {
    what: "a ZIP archive",
    begins: /^PK[^ -~]/,
    advice: "PyTorch's files are such; convert them to safetensors",
  },
  { what: "a gzip archive", begins: /^[^ -~]\x8b/, advice: "unpack it first" },
  { what: "a GGUF model", begins: /^GGUF/, advice: "convert it to safetensors" },
];

/** More than any of the patterns looks at, but for white space without end. */
const LOOKED_AT = 1024;

/** @throws InputError if the file that begins with these bytes is one of the kinds above; `needed` is what it should be */
export function refuseMistakenFile(beginning: Uint8Array, source: string, needed: string): void {
  const text = String.fromCharCode(...beginning.subarray(0, LOOKED_AT));
  const kind = KINDS.find(({ begins }) => begins.test(text));
  if (kind === undefined) return;
  throw new InputError(`${source} is ${kind.what}, not ${needed}; ${kind.advice}`);
}
