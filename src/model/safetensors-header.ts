/**
 * Reads the JSON header of a safetensors file: `{"name": {"dtype", "shape", "data_offsets"}, …, "__metadata__": {…}}`.
 *
 * Not JSON.parse, because that keeps the last of two equal names without a word, and takes any nesting and any number.
 * This reader knows the one shape that a header may have, and refuses everything else where it stands. Whether offsets
 * and shapes fit the file is not decided here but in safetensors.ts.
 */
import { InputError } from "../errors.ts";

export interface HeaderEntry {
  dtype: string;
  shape: number[];
  /** First byte and byte after the last, counted from the end of the header. */
  begin: number;
  end: number;
}

export interface Header {
  entries: Map<string, HeaderEntry>;
  metadata: Record<string, string>;
}

/** `source` names the file in messages. Throws an InputError that also names the tensor, once its name has been read. */
export function parseHeader(text: string, source: string): Header {
  const scan = new Scanner(text, source);
  const header: Header = { entries: new Map(), metadata: {} };
  scan.object("the header", (name) => {
    if (name === "__metadata__") header.metadata = readMetadata(scan);
    else header.entries.set(name, readEntry(scan, name));
  });
  scan.end();
  return header;
}

/** A name as a message shows it: quoted, control characters escaped, cut if it is long. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
}

function readMetadata(scan: Scanner): Record<string, string> {
  const pairs: [string, string][] = [];
  scan.object("__metadata__", (key) => pairs.push([key, scan.string(`the text of ${quote(key)} in __metadata__`)]));
  return Object.fromEntries(pairs);
}

function readEntry(scan: Scanner, name: string): HeaderEntry {
  const tensor = `tensor ${quote(name)}`;
  const entry: Partial<HeaderEntry> = {};
  scan.object(tensor, (key) => {
    if (key === "dtype") entry.dtype = scan.string(`the dtype of ${tensor}`);
    else if (key === "shape") entry.shape = scan.wholeNumbers(`the shape of ${tensor}`);
    else if (key === "data_offsets") Object.assign(entry, readOffsets(scan, tensor));
    else scan.refuse(`${tensor} has the unknown field ${quote(key)}`);
  });
  const { dtype, shape, begin, end } = entry;
  if (dtype === undefined || shape === undefined || begin === undefined || end === undefined) {
    return scan.refuse(`${tensor} needs a dtype, a shape and data_offsets`);
  }
  return { dtype, shape, begin, end };
}

function readOffsets(scan: Scanner, tensor: string): { begin: number; end: number } {
  const offsets = scan.wholeNumbers(`data_offsets of ${tensor}`);
  if (offsets.length !== 2) scan.refuse(`data_offsets of ${tensor} must be two numbers, not ${offsets.length}`);
  return { begin: offsets[0], end: offsets[1] };
}

/** Goes through the text from left to right, once. `what` is what a message calls the value that is being read. */
class Scanner {
  readonly #text: string;
  readonly #source: string;
  #at = 0;

  constructor(text: string, source: string) {
    this.#text = text;
    this.#source = source;
  }

  refuse(reason: string): never {
    throw new InputError(`${this.#source}: not a valid safetensors file: ${reason}`);
  }

  end(): void {
    if (this.#peek() !== "") this.#refuseHere("the header", "must end");
  }

  /** `{"key": value, …}`: calls `readValue` at each value. A key that comes twice is refused. */
  object(what: string, readValue: (key: string) => void): void {
    const seen = new Set<string>();
    this.#list("{", "}", what, () => {
      const key = this.string(`a key of ${what}`);
      if (seen.has(key)) this.refuse(`${quote(key)} appears twice in ${what}`);
      seen.add(key);
      if (!this.#take(":")) this.#refuseHere(`key ${quote(key)} of ${what}`, 'must be followed by ":"');
      readValue(key);
    });
  }

  wholeNumbers(what: string): number[] {
    const numbers: number[] = [];
    this.#list("[", "]", what, () => numbers.push(this.#wholeNumber(what)));
    return numbers;
  }

  string(what: string): string {
    if (this.#peek() !== '"') this.#refuseHere(what, "must be a string");
    const start = this.#at++;
    while (this.#at < this.#text.length && this.#text[this.#at] !== '"')
      this.#at += this.#text[this.#at] === "\\" ? 2 : 1;
    this.#at++;
    try {
      return JSON.parse(this.#text.slice(start, this.#at));
    } catch {
      this.#at = start;
      return this.#refuseHere(what, "must be a string of JSON");
    }
  }

  #wholeNumber(what: string): number {
    this.#peek();
    const start = this.#at;
    while (this.#at < this.#text.length && "0123456789".includes(this.#text[this.#at])) this.#at++;
    const digits = this.#text.slice(start, this.#at);
    const value = Number(digits);
    if (digits === "" || (digits.length > 1 && digits[0] === "0") || !Number.isSafeInteger(value)) {
      this.#at = start;
      this.#refuseHere(what, "must be a list of whole numbers from 0 to 2^53 - 1");
    }
    return value;
  }

  #list(open: string, close: string, what: string, readItem: () => void): void {
    if (!this.#take(open)) this.#refuseHere(what, `must begin with "${open}"`);
    if (this.#take(close)) return;
    do readItem();
    while (this.#take(","));
    if (!this.#take(close)) this.#refuseHere(what, `must go on with "," or end with "${close}"`);
  }

  /** The next character that is no white space, "" at the end. */
  #peek(): string {
    while (this.#at < this.#text.length && " \n\r\t".includes(this.#text[this.#at])) this.#at++;
    return this.#text.charAt(this.#at);
  }

  #take(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at++;
    return true;
  }

  #refuseHere(what: string, rule: string): never {
    const found = this.#at < this.#text.length ? quote(this.#text.slice(this.#at, this.#at + 12)) : "the end";
    return this.refuse(`${what} ${rule}, but at character ${this.#at} of the header there is ${found}`);
  }
}
