/**
 * The text behind an inspection: of the document that was inspected and of what the memory held before it, token by token,
 * with its surroundings and its place. Tokens are numbered as in `Inspection`: those read before the document are below 0.
 */
import type { Inspection } from "../inspect/inspect.ts";
import { tokenTexts } from "../text/token-stream.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { type FileOfText, placeOfLine } from "./html/client/place-of-line.ts";

/** A token and what stands around it. */
export interface Excerpt {
  readonly before: string;
  readonly token: string;
  readonly after: string;
}

interface TextToken {
  readonly text: string;
  /** Number of its document among those that the memory held; −1 for the one that was inspected. */
  readonly document: number;
  readonly line: number;
}

export class InspectedText {
  /** The files that the document was joined of, in order; none if it is one text. */
  readonly files: readonly FileOfText[];
  private readonly inspection: Inspection;
  /** All that is known, oldest first; the inspected document begins at `begin`. */
  private readonly tokens: readonly TextToken[];
  private readonly begin: number;

  constructor(inspection: Inspection, tokenizer: Tokenizer, files: readonly FileOfText[] = []) {
    const { ids, earlier } = inspection;
    const { token, document, index } = earlier.columns;
    this.files = files;
    this.inspection = inspection;
    this.begin = token.length;
    this.tokens = [
      ...withLines(tokenTexts(tokenizer, token), document, index),
      ...withLines(
        tokenTexts(tokenizer, ids),
        new Int32Array(ids.length).fill(-1),
        ids.map((_, i) => i),
      ),
    ];
  }

  /** Text of each token of the document, together the whole; see `tokenTexts`. */
  get texts(): string[] {
    return this.tokens.slice(this.begin).map(({ text }) => text);
  }

  text(token: number): string {
    return this.tokens[this.begin + token].text;
  }

  /** Line of the token's beginning, from 1; 0 if what was before it in its document is not known. */
  line(token: number): number {
    return this.tokens[this.begin + token].line;
  }

  /** Name of the document that a token is of. */
  document(token: number): string {
    const { name, earlier } = this.inspection;
    return earlier.documents[this.tokens[this.begin + token].document] ?? name;
  }

  /** Where a token stands: `line 12`, or `notes.md, line 12` if it was read before or in a file of several. */
  place(token: number): string {
    const line = this.line(token);
    if (token >= 0) return placeOfLine(line, this.files);
    const within = line > 0 ? `line ${line}` : `byte ${this.inspection.earlier.columns.begin.at(token)}`;
    return `${this.document(token)}, ${within}`;
  }

  /** A token with at least `characters` of its document on either side, as far as they are known. */
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

/** `documents` and `indices` say which document each text is of, and its place there. */
function withLines(texts: readonly string[], documents: Int32Array, indices: Int32Array): TextToken[] {
  let line = 0;
  return texts.map((text, i) => {
    if (indices[i] === 0) line = 1;
    else if (documents[i] !== documents[i - 1]) line = 0;
    else if (line > 0) line += texts[i - 1].split("\n").length - 1;
    return { text, document: documents[i], line };
  });
}
