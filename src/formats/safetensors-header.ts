/**
 * Reads the JSON header of a safetensors file: `{"name": {"dtype", "shape", "data_offsets"}, …, "__metadata__": {…}}`.
 *
 * Not JSON.parse, which takes any nesting and any number, and keeps the last of two equal names. This reader knows the one
 * shape that a header may have, and refuses everything else where it stands. Whether offsets and shapes fit the file is not
 * decided here but in safetensors.ts.
 */
import { JsonScanner, quote } from "./json-scanner.ts";

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
  const scan = new JsonScanner(text, `${source}: not a valid safetensors file`);
  const header: Header = { entries: new Map(), metadata: {} };
  scan.object("the header", (name) => {
    if (name === "__metadata__") header.metadata = readMetadata(scan);
    else header.entries.set(name, readEntry(scan, name));
  });
  scan.end("the header");
  return header;
}

function readMetadata(scan: JsonScanner): Record<string, string> {
  const pairs: [string, string][] = [];
  scan.object("__metadata__", (key) => pairs.push([key, scan.string(`the text of ${quote(key)} in __metadata__`)]));
  return Object.fromEntries(pairs);
}

function readEntry(scan: JsonScanner, name: string): HeaderEntry {
  const tensor = `tensor ${quote(name)}`;
  const entry: Partial<HeaderEntry> = {};
  scan.object(tensor, (key) => {
    if (key === "dtype") entry.dtype = scan.string(`the dtype of ${tensor}`);
    else if (key === "shape") entry.shape = readWholeNumbers(scan, `the shape of ${tensor}`);
    else if (key === "data_offsets") Object.assign(entry, readOffsets(scan, tensor));
    else scan.refuse(`${tensor} has the unknown field ${quote(key)}`);
  });
  const { dtype, shape, begin, end } = entry;
  if (dtype === undefined || shape === undefined || begin === undefined || end === undefined) {
    return scan.refuse(`${tensor} needs a dtype, a shape and data_offsets`);
  }
  return { dtype, shape, begin, end };
}

function readOffsets(scan: JsonScanner, tensor: string): { begin: number; end: number } {
  const offsets = readWholeNumbers(scan, `data_offsets of ${tensor}`);
  if (offsets.length !== 2) scan.refuse(`data_offsets of ${tensor} must be two numbers, not ${offsets.length}`);
  return { begin: offsets[0], end: offsets[1] };
}

function readWholeNumbers(scan: JsonScanner, what: string): number[] {
  const numbers: number[] = [];
  scan.list(what, () => {
    const digits = scan.number(what);
    const value = Number(digits);
    if (!/^\d+$/.test(digits) || !Number.isSafeInteger(value)) {
      scan.refuse(`${what} must be a list of whole numbers from 0 to 2^53 - 1, not of ${digits.slice(0, 20)}`);
    }
    numbers.push(value);
  });
  return numbers;
}
