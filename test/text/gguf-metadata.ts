/** Reads the metadata of a GGUF file that is known to be good, for tests. */
import * as fs from "node:fs";
import type { GgufVocabulary } from "../../src/text/gguf-vocabulary.ts";

type Value = number | boolean | string | bigint | Value[];

/** Sizes of the number types 0 to 7, in bytes, and of 10 to 12. */
const SIZES: Readonly<Record<number, number>> = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };
const STRING = 8;
const ARRAY = 9;

function ggufMetadata(path: string): Map<string, Value> {
  const { buffer, byteOffset, byteLength } = fs.readFileSync(path);
  const view = new DataView(buffer, byteOffset, byteLength);
  let at = 16; // behind magic, version and number of tensors
  const take = (bytes: number) => (at += bytes) - bytes;
  const length = () => Number(view.getBigUint64(take(8), true));
  const text = () => {
    const bytes = length();
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(
      new Uint8Array(buffer, byteOffset + take(bytes), bytes),
    );
  };
  const number = (type: number): Value => {
    const place = take(SIZES[type]);
    if (type === 6) return view.getFloat32(place, true);
    if (type === 4) return view.getUint32(place, true);
    if (type === 5) return view.getInt32(place, true);
    return view.getUint8(place);
  };
  const value = (type: number): Value => {
    if (type === STRING) return text();
    if (type !== ARRAY) return number(type);
    const items = view.getUint32(take(4), true);
    return Array.from({ length: length() }, () => value(items));
  };
  return new Map(Array.from({ length: length() }, () => [text(), value(view.getUint32(take(4), true))]));
}

export function ggufVocabulary(path: string): GgufVocabulary {
  const metadata = ggufMetadata(path);
  const at = (key: string) => metadata.get(`tokenizer.ggml.${key}`);
  const addBos = at("add_bos_token");
  const vocabulary = {
    model: at("model"),
    pre: at("pre"),
    tokens: at("tokens"),
    types: at("token_type"),
    scores: at("scores"),
    merges: at("merges"),
    bos: at("bos_token_id"),
    eos: at("eos_token_id"),
    addBos: addBos === undefined ? undefined : Boolean(addBos),
  };
  return vocabulary as unknown as GgufVocabulary;
}
