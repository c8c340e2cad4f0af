/**
 * The text behind an inspection: of the document that was inspected and of what the memory held before it, token by token,
 * with its surroundings and its place. Tokens are numbered as in `Inspection`: those read before the document are below 0.
 */
import type { Inspection } from "../model/inspect.ts";
import { tokenTexts } from "../text/token-stream.ts";
import type { Tokenizer } from "../text/tokenizer.ts";

/** A token and what stands around it. */
export interface Excerpt {
  readonly before: string;
  readonly token: string;
  readonly after: string;
}

export class InspectedText {
  /** Text of each token of the document; see `tokenTexts`. */
  readonly texts: readonly string[];
  private readonly inspection: Inspection;
  private readonly earlierTexts: readonly string[];
  /** Line of each token, from 1, where its document is known from the beginning, and 0 elsewhere; the earlier ones first. */
  private readonly lines: Int32Array;

  constructor(inspection: Inspection, tokenizer: Tokenizer) {
    this.inspection = inspection;
    this.texts = tokenTexts(tokenizer, inspection.ids);
    this.earlierTexts = tokenTexts(tokenizer, inspection.earlier.columns.token);
    this.lines = this.countLines();
  }

  text(token: number): string {
    return token < 0 ? (this.earlierTexts.at(token) ?? "") : this.texts[token];
  }

  /** The name of the document that a token is of. */
  document(token: number): string {
    const { name, earlier } = this.inspection;
    return token < 0 ? earlier.documents[earlier.columns.document.at(token) ?? 0] : name;
  }

  /** Where a token stands: `line 12`, or `notes.md, line 12` if it was read before. */
  place(token: number): string {
    const line = this.lines[this.earlierTexts.length + token];
    const byte = this.inspection.earlier.columns.begin.at(token);
    const within = line > 0 ? `line ${line}` : `byte ${byte}`;
    return token < 0 ? `${this.document(token)}, ${within}` : within;
  }

  /** A token with up to `characters` on either side of its document's text. */
  excerpt(token: number, characters: number): Excerpt {
    let [before, after] = ["", ""];
    for (let at = token - 1; before.length < characters && this.isSameDocument(at, token); at--) {
      before = this.text(at) + before;
    }
    for (let at = token + 1; after.length < characters && this.isSameDocument(at, token); at++) {
      after += this.text(at);
    }
    return { before: before.slice(-characters), token: this.text(token), after: after.slice(0, characters) };
  }

  /** Whether there is a token at `place`, of the same document as `token`. */
  private isSameDocument(place: number, token: number): boolean {
    if (place < -this.earlierTexts.length || place >= this.texts.length) return false;
    return this.document
  }
}
