/** Documents that programs hand in: their checks and their tokens. See corpus.ts for where documents come from. */
import { aName, check, isArrayOf, type Kind, tokenIds } from "../base/check.ts";
import type { TokenizedDocument } from "./corpus.ts";

export const someDocuments: Kind = {
  what: "an array of documents, each with a name and a function tokens()",
  accepts: (value) => isArrayOf(value, isDocument),
};

function isDocument(value: unknown): boolean {
  const { name, tokens }: Record<string, unknown> = Object(value);
  return aName.accepts(name) && typeof tokens === "function";
}

/** @throws InputError if they are not token ids */
export function tokensOf(document: TokenizedDocument): Int32Array {
  const tokens = document.tokens();
  check("tokens()", tokens, tokenIds);
  return tokens;
}
