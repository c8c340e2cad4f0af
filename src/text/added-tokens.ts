/**
 * Added tokens: those that are looked for in a text before it is cut into words, such as "<|im_end|>" or a run of spaces.
 */
import type { AddedToken } from "./tokenizer-json.ts";

/** A part of a text: an added token with its id, or the text between two of them. */
export interface Section {
  readonly text: string;
  /** Of the added token. */
  readonly id?: number;
}

/** Whether what stands at `from … to` of the text may be this token. */
export type Permission = (token: AddedToken, from: number, to: number) => boolean;

/** Finds added tokens in texts: from left to right, of those that begin at one place the longest. */
export class AddedTokenFinder {
  private readonly byText: ReadonlyMap<string, AddedToken>;
  private readonly pattern: RegExp | undefined;

  /** @param spelled the tokens by the texts that are looked for */
  constructor(spelled: Iterable<readonly [text: string, token: AddedToken]>) {
    this.byText = new Map(spelled);
    const longestFirst = [...this.byText.keys()].sort((a, b) => b.length - a.length);
    const choices = longestFirst.map((text) => text.replaceAll(/[.*+?^${}()|[\]\\/-]/g, "\\$&"));
    this.pattern = choices.length === 0 ? undefined : new RegExp(choices.join("|"), "g");
  }

  /** The text in parts, without empty ones; joined together they are the text. */
  split(text: string, permits: Permission): Section[] {
    if (this.pattern === undefined) return text === "" ? [] : [{ text }];
    const sections: Section[] = [];
    let begin = 0;
    for (const { token, from, to } of this.matches(text, this.pattern, permits)) {
      if (from > begin) sections.push({ text: text.slice(begin, from) });
      sections.push({ text: text.slice(from, to), id: token.id });
      begin = to;
    }
    if (begin < text.length) sections.push({ text: text.slice(begin) });
    return sections;
  }

  private *matches(text: string, pattern: RegExp, permits: Permission) {
    pattern.lastIndex = 0;
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      const from = match.index;
      const found = this.beginningsOf(match[0]).find(({ token, length }) => permits(token, from, from + length));
      pattern.lastIndex = from + (found?.length ?? 1);
      if (found !== undefined) yield { token: found.token, from, to: from + found.length };
    }
  }

  /** The tokens with which `text` begins, the longest first. */
  private beginningsOf(text: string) {
    const lengths = Array.from(text, (_, i) => text.length - i);
    return lengths.flatMap((length) => {
      const token = this.byText.get(text.slice(0, length));
      return token === undefined ? [] : [{ token, length }];
    });
  }
}
