/** The documents of a training on their way to workers: all tokens in one file, and where each document ends in another. */
import { InputError } from "../../base/errors.ts";
import type { Exchange } from "../../cluster/exchange.ts";
import { putBytes, putListing } from "../../cluster/files.ts";
import type { TokenizedDocument } from "../../data/corpus.ts";
import { tokensOf } from "../../data/documents.ts";
import { readJson } from "../../formats/json-file.ts";
import { readFile } from "../../platform/read-file.ts";

const [TOKENS, DOCUMENTS] = ["tokens", "documents.json"];
const MOST_OF_TOKENS = 2 ** 32;

/** Puts the documents, and resolves to the name of their tree. */
export async function putDocuments(exchange: Exchange, documents: readonly TokenizedDocument[]): Promise<string> {
  const all = documents.map(tokensOf);
  const tokens = new Int32Array(all.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  const ends = all.map((own, index) => {
    tokens.set(own, end);
    end += own.length;
    return { name: documents[index].name, end };
  });
  return putListing(exchange, {
    [TOKENS]: await putBytes(exchange, new Uint8Array(tokens.buffer)),
    [DOCUMENTS]: await putBytes(exchange, new TextEncoder().encode(JSON.stringify(ends))),
  });
}

/** The documents in the directory of such a tree. @throws InputError if they are not what `putDocuments` wrote */
export function readDocuments(directory: string): TokenizedDocument[] {
  const bytes = readFile(`${directory}/${TOKENS}`, MOST_OF_TOKENS).slice();
  const tokens = new Int32Array(bytes.buffer, 0, Math.floor(bytes.length / 4));
  const list = readJson(`${directory}/${DOCUMENTS}`);
  let begin = 0;
  return (Array.isArray(list) ? list : []).map((entry) => {
    const { name, end } = Object(entry);
    if (typeof name !== "string" || !Number.isSafeInteger(end) || end < begin || end > tokens.length) {
      throw new InputError(`${directory}/${DOCUMENTS} does not fit the tokens next to it`);
    }
    const own = tokens.subarray(begin, end);
    begin = end;
    return { name, tokens: () => own };
  });
}
