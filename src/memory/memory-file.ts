/**
 * A snapshot of a memory as the bytes of a file, `NAME.memory.safetensors`, which any reader of safetensors can open.
 *
 * Tensors: `layers.2.keys` and `layers.2.values` [H, n, D] of each memory layer, F32 or F16 as in the memory, oldest pair
 * first, of the heads that remember. The sources of the pairs are `sources.document|index|token|begin|end` [n]. The rest is in the metadata. A checksum
 * covers every byte of the file except its own digits, so a file that was altered anywhere is refused. This file does not
 * open files, and it judges only the bytes themselves.
 */
import { aByteArray, aText, check } from "../base/check.ts";
import { digest } from "../base/digest.ts";
import { InputError } from "../base/errors.ts";
import { type Field, integer, parseFields } from "../base/fields.ts";
import { parseJson } from "../formats/json.ts";
import { quote } from "../formats/json-scanner.ts";
import { floatTensor, readSafetensors, type StoredTensor, writeSafetensors } from "../formats/safetensors.ts";
import { requireSafetensors } from "../formats/safetensors-layout.ts";
import { TensorReader } from "../formats/tensor-reader.ts";
import { type ChosenHeads, headCount } from "./chosen-heads.ts";
import { MOST_APPENDED } from "./ring.ts";
import type { MemorySnapshot } from "./snapshot.ts";
import { FINGERPRINT, MOST_LAYER, MOST_PAIRS, requireSnapshot } from "./snapshot-check.ts";
import { requireOrder, type SourceTable, sourceFields } from "./source-table.ts";

const FORMAT = "memorizing-memory";
const VERSION = "1";

/** The beginning of every file, after eight bytes of header length. The digits of the checksum follow. */
const BEGINNING = '{"__metadata__":{"checksum":"';
const CHECKSUM_AT = 8 + BEGINNING.length;
const CHECKSUM_DIGITS = 16;

/** Sizes and layers, stored as JSON under `shape` in the metadata. */
interface Shape {
  heads: number;
  width: number;
  size: number;
  length: number;
  appended: number;
  layers: number[];
}

const shapeFields: Readonly<Record<keyof Shape, Field>> = {
  heads: integer(1, 1, 2 ** 16, "H"),
  width: integer(1, 1, 2 ** 20, "D"),
  size: integer(1, 1, 2 ** 31, "M"),
  length: integer(0, 0, MOST_PAIRS, "n, pairs of each layer and head"),
  appended: integer(0, 0, MOST_APPENDED, "pairs that were ever remembered"),
  layers: { kind: "integers", default: [], min: 0, max: MOST_LAYER, about: "layers that remember" },
};

/**
 * Returns the bytes of the file that holds `snapshot`; `decodeMemory` reads it back.
 * @throws InputError that names the part a file cannot hold
 */
export function encodeMemory(snapshot: MemorySnapshot): Uint8Array {
  requireSnapshot(snapshot);
  const { model, heads, width, size, length, appended, layers, chosen, sources } = snapshot;
  const shape: Shape = { heads, width, size, length, appended, layers: [...layers.keys()].sort((a, b) => a - b) };
  const bytes = writeSafetensors(tensorsOf(snapshot), {
    checksum: "0".repeat(CHECKSUM_DIGITS), // to be replaced
    format: FORMAT,
    version: VERSION,
    ...(model !== undefined && { model }),
    shape: JSON.stringify(shape),
    ...(chosen && { chosen: JSON.stringify([...chosen].sort(([a], [b]) => a - b)) }),
    ...(sources && { documents: JSON.stringify(sources.documents) }),
  });
  bytes.set(new TextEncoder().encode(checksumOf(bytes)), CHECKSUM_AT);
  return bytes;
}

/**
 * Returns the snapshot in the file that messages call `name`. Its arrays may be views of `bytes`.
 * @throws InputError for anything but the complete, unaltered file of a memory
 */
export function decodeMemory(bytes: Uint8Array, name: string): MemorySnapshot {
  check("bytes", bytes, aByteArray);
  check("name", name, aText);
  const { tensors, metadata } = readSafetensors(bytes, name);
  checkFile(bytes, metadata, name);
  const shape = parseFields(shapeFields, parsed(metadata.shape, name), name) as unknown as Shape;
  const { heads, width, length, appended } = shape;
  if (length > appended) throw new InputError(`${name} holds ${length} pairs, but only ${appended} were remembered`);
  const chosen = metadata.chosen === undefined ? undefined : chosenIn(metadata.chosen, shape, name);
  const reader = new TensorReader(tensors, name);
  const pairs = (layer: number) => {
    const stored = [headCount(heads, chosen, layer), length, width];
    return {
      keys: reader.numbers(`layers.${layer}.keys`, stored),
      values: reader.numbers(`layers.${layer}.values`, stored),
    };
  };
  const repeated = shape.layers.find((layer, index) => layer === shape.layers[index + 1]);
  if (repeated !== undefined) throw new InputError(`${name}: layers in its metadata names layer ${repeated} twice`);
  const layers = new Map(shape.layers.map((layer) => [layer, pairs(layer)]));
  const documents = metadata.documents === undefined ? undefined : parsed(metadata.documents, name);
  const sources = documents === undefined ? undefined : sourcesIn(reader, length, documents);
  reader.end();
  return { ...shape, name, model: metadata.model, layers, ...(chosen && { chosen }), sources };
}

/**
 * Refuses, by its first bytes, a file that cannot be a memory's. `size`: its bytes, or Infinity if unknown.
 * @throws InputError
 */
export function requireMemoryFile(beginning: Uint8Array, size: number, name: string): void {
  requireSafetensors(beginning, size, name);
  if (!new TextDecoder("latin1").decode(beginning).includes(FORMAT)) throw noMemory(name);
}

function noMemory(name: string): InputError {
  return new InputError(`${name} is not a memory's file, as "memorizing read" writes them`);
}

/** Whether a file that begins with these hundred bytes is a memory's. */
export function beginsAsMemory(bytes: Uint8Array): boolean {
  const text = new TextDecoder().decode(bytes.subarray(8));
  const rest = text.slice(BEGINNING.length + CHECKSUM_DIGITS);
  return text.startsWith(BEGINNING) && rest.startsWith(`","format":"${FORMAT}"`);
}

function checkFile(bytes: Uint8Array, metadata: Record<string, string>, name: string): void {
  const { format, version, checksum, model } = metadata;
  if (format !== FORMAT) throw noMemory(name);
  if (version !== VERSION) {
    throw new InputError(
      `${name} has version ${quote(String(version))} of its format, but only version ${VERSION} can be read`,
    );
  }
  if (model !== undefined && !FINGERPRINT.test(model))
    throw new InputError(`${name}: ${quote(model)} is not the fingerprint of a model`);
  const beginning = new TextDecoder().decode(bytes.subarray(8, CHECKSUM_AT));
  if (beginning === BEGINNING && checksum === checksumOf(bytes)) return;
  throw new InputError(`${name} was altered after it had been written: its checksum does not fit; rebuild it`);
}

function checksumOf(bytes: Uint8Array): string {
  return digest([bytes.subarray(0, CHECKSUM_AT), bytes.subarray(CHECKSUM_AT + CHECKSUM_DIGITS)]);
}

function tensorsOf({ heads, width, length, layers, chosen, sources }: MemorySnapshot): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  for (const [layer, { keys, values }] of [...layers].sort(([a], [b]) => a - b)) {
    const shape = [headCount(heads, chosen, layer), length, width];
    tensors.set(`layers.${layer}.keys`, floatTensor(shape, keys));
    tensors.set(`layers.${layer}.values`, floatTensor(shape, values));
  }
  if (sources === undefined) return tensors;
  for (const field of sourceFields) {
    tensors.set(`sources.${field}`, { dtype: "I32", shape: [length], data: sources.columns[field] });
  }
  return tensors;
}

/** The sources of `length` pairs. `documents` holds their names, from the metadata. */
function sourcesIn(reader: TensorReader, length: number, documents: unknown): SourceTable {
  if (!Array.isArray(documents) || !documents.every((name) => typeof name === "string")) {
    throw new InputError(`${reader.source}: documents in its metadata must be a list of names`);
  }
  const column = (field: string, most: number) => reader.indices(`sources.${field}`, [length], most);
  const any = 2 ** 31 - 1;
  const columns = {
    document: column("document", documents.length - 1),
    index: column("index", any),
    token: column("token", any),
    begin: column("begin", any),
    end: column("end", any),
  };
  requireOrder(columns, reader.source);
  return { documents, columns };
}

/** The heads that remember, of layers in which not all do: [[layer, [head, …]], …] in the metadata. */
function chosenIn(text: string, { heads, layers }: Shape, name: string): ChosenHeads {
  const entries = parsed(text, name);
  const isLayer = (layer: unknown) => layers.includes(layer as number);
  const areHeads = (numbers: unknown) =>
    Array.isArray(numbers) &&
    numbers.length > 0 &&
    numbers.every((head, i) => Number.isSafeInteger(head) && head >= 0 && head < heads && !(head <= numbers[i - 1]));
  const isEntry = (entry: unknown) =>
    Array.isArray(entry) && entry.length === 2 && isLayer(entry[0]) && areHeads(entry[1]);
  if (Array.isArray(entries) && entries.every(isEntry)) {
    const chosen = new Map<number, number[]>(entries);
    if (chosen.size === entries.length && chosen.size > 0) return chosen;
  }
  throw new InputError(`${name}: chosen in its metadata must name layers of the file, each with some of its heads`);
}

function parsed(text: string | undefined, name: string): unknown {
  return parseJson(text ?? "", `${name}: its metadata are not as "memorizing read" writes them`);
}
