/**
 * A text as tokens in the browser: where each begins and ends, on which line it stands, what surrounds it. Like all files of this
 * folder it runs in pages and uses only the browser and its neighbours here.
 */
import type { Excerpt } from "../../inspected-text.ts";
import { type FileOfText, placeOfLine } from "./place-of-line.ts";

/** A text, and the tokens that make it up. */
export class TokenText {
  /** The whole text. */
  readonly text: string;
  /** The number of its tokens. */
  readonly length: number;
  /** The files that make it up, if it has several. */
  readonly files: readonly FileOfText[];
  private readonly ends: Uint32Array;
  private readonly lineBegins: readonly number[];

  /** Takes a text, the end of each token in UTF-16 units, and the files that make it up. */
  constructor(text: string, ends: Uint32Array, files: readonly FileOfText[]) {
    this.text = text;
    this.ends = ends;
    this.files = files;
    this.length = ends.length;
    this.lineBegins = [0, ...Array.from(text.matchAll(/\n/g), (match) => match.index + 1)];
  }

  /** The first character of a token, counted in UTF-16 units. */
  begin(token: number): number {
    return token === 0 ? 0 : this.ends[token - 1];
  }

  /** The character behind a token. */
  end(token: number): number {
    return this.ends[token];
  }

  /** The characters of a token; none if it ends no character. */
  textOf(token: number): string {
    return this.text.slice(this.begin(token), this.end(token));
  }

  /** The line on which a token begins, from 1. */
  line(token: number): number {
    const at = this.begin(token);
    let [low, high] = [0, this.lineBegins.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.lineBegins[middle] <= at) low = middle;
      else high = middle;
    }
    return low + 1;
  }

  /** The place of a token, for people. */
  place(token: number): string {
    return placeOfLine(this.line(token), this.files);
  }

  /** A token with up to `characters` characters on either side. */
  excerpt(token: number, characters: number): Excerpt {
    const [begin, end] = [this.begin(token), this.end(token)];
    const before = this.text.slice(Math.max(0, begin - characters), begin);
    return { before, token: this.text.slice(begin, end), after: this.text.slice(end, end + characters) };
  }
}
