/**
 * Reads JSON from left to right, once, and refuses what JSON.parse lets pass: a key that comes twice, where it would keep
 * the last without a word, and half of a surrogate pair. What may stand where is for the caller to say: json.ts takes any
 * JSON, formats/safetensors-header.ts the one shape that a header may have.
 */
import { InputError } from "../base/errors.ts";

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WHITE_SPACE = " \n\r\t";
const SPACE = 0x20;
const QUOTATION_MARK = 0x22;
const BACKSLASH = 0x5c;
const FIRST_SURROGATE = 0xd800;
const HALF_A_PAIR = /\p{Surrogate}/u;

/** A name as a message shows it: quoted, control characters escaped, cut if it is long. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
}

/** `what` is always what a message calls the value that is being read. */
export class JsonScanner {
  readonly #text: string;
  readonly #complaint: string;
  #at = 0;

  /** `complaint` begins every message: `x.json is not valid JSON`. */
  constructor(text: string, complaint: string) {
    this.#text = text;
    this.#complaint = complaint;
  }

  refuse(reason: string): never {
    throw new InputError(`${this.#complaint}: ${reason}`);
  }

  /** Refuses because of the rule that was broken, and says what stands here. */
  refuseHere(what: string, rule: string): never {
    const found = this.#at < this.#text.length ? quote(this.#text.slice(this.#at, this.#at + 12)) : "the end";
    return this.refuse(`${what} ${rule}, but at character ${this.#at} there is ${found}`);
  }

  /** To be called when everything has been read: refuses what is left. */
  end(what: string): void {
    if (this.peek() !== "") this.refuseHere(what, "must end");
  }

  /** The next character that is not white space, "" at the end. */
  peek(): string {
    while (this.#text.charCodeAt(this.#at) <= SPACE && WHITE_SPACE.includes(this.#text[this.#at])) this.#at++;
    return this.#text.charAt(this.#at);
  }

  /** `{"key": value, …}`: calls `readValue` at each value. A key that comes twice is refused. */
  object(what: string, readValue: (key: string) => void): void {
    const seen = new Set<string>();
    this.#items("{", "}", what, () => {
      const key = this.string(`a key of ${what}`);
      if (seen.has(key)) this.refuse(`${quote(key)} appears twice in ${what}`);
      seen.add(key);
      if (!this.#take(":")) this.refuseHere(`key ${quote(key)} of ${what}`, 'must be followed by ":"');
      readValue(key);
    });
  }

  /** `[value, …]`: calls `readItem` at each value. */
  list(what: string, readItem: () => void): void {
    this.#items("[", "]", what, readItem);
  }

  string(what: string): string {
    if (this.peek() !== '"') this.refuseHere(what, "must be a string");
    const start = this.#at + 1;
    const end = this.#skipPlain(start);
    if (this.#text[end] === '"') {
      this.#at = end + 1;
      return this.#text.slice(start, end);
    }
    const after = this.#endOfString(end);
    const text = parsedString(this.#text.slice(this.#at, after));
    if (text === undefined) return this.refuseHere(what, "must be a string of JSON");
    this.#at = after;
    return text;
  }

  /** The characters of a number, whatever its size. */
  number(what: string): string {
    this.peek();
    NUMBER.lastIndex = this.#at;
    const digits = NUMBER.exec(this.#text)?.[0];
    if (digits === undefined) return this.refuseHere(what, "must be a number");
    this.#at += digits.length;
    return digits;
  }

  /** Whether `word`, such as `null`, comes next; if so it is taken. */
  word(word: string): boolean {
    this.peek();
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #items(open: string, close: string, what: string, readItem: () => void): void {
    if (!this.#take(open)) this.refuseHere(what, `must begin with "${open}"`);
    if (this.#take(close)) return;
    do readItem();
    while (this.#take(","));
    if (!this.#take(close)) this.refuseHere(what, `must go on with "," or end with "${close}"`);
  }

  #take(character: string): boolean {
    if (this.peek() !== character) return false;
    this.#at++;
    return true;
  }

  /** Where the characters end that stand for themselves in a string and are not part of a surrogate pair. */
  #skipPlain(from: number): number {
    for (let at = from; ; at++) {
      const code = this.#text.charCodeAt(at);
      const plain = code >= SPACE && code < FIRST_SURROGATE && code !== QUOTATION_MARK && code !== BACKSLASH;
      if (!plain) return at;
    }
  }

  /** The place after the quotation mark that ends the string around `from`; the end of the text if none does. */
  #endOfString(from: number): number {
    for (let at = from; at < this.#text.length; at++) {
      const code = this.#text.charCodeAt(at);
      if (code === QUOTATION_MARK) return at + 1;
      if (code === BACKSLASH) at++;
    }
    return this.#text.length;
  }
}

/** The text of a JSON string; undefined if it is not one, or does not hold valid text. */
function parsedString(json: string): string | undefined {
  try {
    const text: string = JSON.parse(json);
    return HALF_A_PAIR.test(text) ? undefined : text;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}
