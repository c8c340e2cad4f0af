/**
 * The text behind an inspection, token by token, with surroundings and places: the inspected document, and the documents
 * that the memory held before it. Tokens are numbered as in `Inspection`: those read before the document are below 0.
 */
import type { Inspection } from "../inspect/inspect.ts";
import type { SourceTable } from "../memory/source-table.ts";
import { WRITTEN } from "../model/generate.ts";
import { tokenTexts } from "../text/token-stream.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { type FileOfText, placeOfLine } from "./html/client/place-of-line.ts";

/** A token and the text around it. */
export interface Excerpt {
  /** Characters before it. */
  readonly before: string;
  /** The token's own. */
  readonly token: string;
  /** Characters behind it. */
  readonly after: string;
}

/** The part of an inspection that its text comes from: the document, and the sources of what was read before it. */
export type InspectedIds = Pick<Inspection, "name" | "ids" | "earlier">;

interface TextToken {
  readonly text: string;
  /** Number of its document among those that the memory held; −1 for the inspected document. */
  readonly document: number;
  readonly line: number;
}

/** The text behind an inspection, token by token. */
export class InspectedText {
  /** Files that make up the document, in order; empty if it is one text. */
  readonly files: readonly FileOfText[];
  private readonly inspection: InspectedIds;
  /** All known tokens, oldest first; the inspected document begins at `begin`. */
  private readonly tokens: readonly TextToken[];
  private readonly begin: number;

  /** Decodes the tokens of `inspection`; `files` make up the document, if it has several. */
  constructor(inspection: InspectedIds, tokenizer: Tokenizer, files: readonly FileOfText[] = []) {
    const { ids, earlier } = inspection;
    const { document, index } = earlier.columns;
    this.files = files;
    this.inspection = inspection;
    this.begin = index.length;
    this.tokens = [
      ...withLines(earlierTexts(earlier, tokenizer), document, index),
      ...withLines(
        tokenTexts(tokenizer, ids),
        new Int32Array(ids.length).fill(-1),
        ids.map((_, i) => i),
      ),
    ];
  }

  /** Texts of the document's tokens, which join to the whole text; see `tokenTexts`. */
  get texts(): string[] {
    return this.tokens.slice(this.begin).map(({ text }) => text);
  }

  /** Returns the characters of a token. */
  text(token: number): string {
    return this.tokens[this.begin + token].text;
  }

  /** Returns the line where the token begins, from 1; 0 if the text before it in its document is not known. */
  line(token: number): number {
    return this.tokens[this.begin + token].line;
  }

  /** Returns the name of a token's document. */
  document(token: number): string {
    const { name, earlier } = this.inspection;
    return earlier.documents[this.tokens[this.begin + token].document] ?? name;
  }

  /** Returns a token's place: `line 12`, or `notes.md, line 12` for earlier documents and documents of several files. */
  place(token: number): string {
    const line = this.line(token);
    if (token >= 0) return placeOfLine(line, this.files);
    const within = line > 0 ? `line ${line}` : `byte ${this.inspection.earlier.columns.begin.at(token)}`;
    return `${this.document(token)}, ${within}`;
  }

  /** Returns a token with at least `characters` of its document on either side, as far as they are known. */
  excerpt(token: number, characters: number): Excerpt {
    const at = this.begin + token;
    const { document, text } = this.tokens[at];
    let [before, after] = ["", ""];
    for (let i = at - 1; before.length < characters && this.tokens[i]?.document === document; i--) {
      before = this.tokens[i].text + before;
    }
    for (let i = at + 1; after.length < characters && this.tokens[i]?.document === document; i++) {
      after += this.tokens[i].text;
    }
    return { before, token: text, after };
  }
}

/** The texts of earlier tokens. A document whose beginning is not known, or which continues another, begins with any space. */
function earlierTexts({ documents, columns }: SourceTable, tokenizer: Tokenizer): string[] {
  const { token, document, index } = columns;
  const inside = { bytes: (id: number) => tokenizer.bytes(id), byteTokens: tokenizer.byteTokens };
  const texts: string[] = [];
  for (let from = 0; from < token.length; from = texts.length) {
    let to = from;
    while (to < token.length && document[to] === document[from]) to++;
    const continues = index[from] > 0 || documents[document[from]] === WRITTEN;
    for (const text of tokenTexts(continues ? inside : tokenizer, token.subarray(from, to))) texts.push(text);
  }
  return texts;
}

/** Computes the line of each text, given its document and its place there. */
function withLines(texts: readonly string[], documents: Int32Array, indices: Int32Array): TextToken[] {
  let line = 0;
  return texts.map((text, i) => {
    if (indices[i] === 0) line = 1;
    else if (documents[i] !== documents[i - 1]) line = 0;
    else if (line > 0) line += texts[i - 1].split("\n").length - 1;
    return { text, document: documents[i], line };
  });
}
