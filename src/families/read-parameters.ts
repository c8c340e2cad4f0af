/**
 * Takes the parameters of a model out of a file that somebody else wrote: by their canonical names, each in the layout of this
 * program. A tensor that is missing, has another shape or belongs to nothing is refused, for a model with one wrong tensor
 * still writes fluent text.
 */
import { InputError } from "../base/errors.ts";
import { quote } from "../formats/json-scanner.ts";
import { type FileTensor, type WeightFile, weightTypeOf } from "../formats/weight-file.ts";
import { decodeWeights, type WeightType } from "../formats/weight-types.ts";
import { firstNotFinite } from "../wasm/half.ts";
import type { Architecture } from "./architecture.ts";
import type { FileNames } from "./family.ts";
import { takeRows } from "./layout.ts";
import { type ParameterPlace, parameterPlaces } from "./parameter-places.ts";

/** A parameter as its file stores it, in the layout of this program. */
export interface StoredParameter {
  /** Its file and tensor, as messages name them. */
  readonly place: string;
  /** The kind of number. */
  readonly type: WeightType;
  /** [out, in] or [out]. */
  readonly shape: readonly number[];
  /** Reads its bytes, rows in the order of this program. */
  bytes(): Uint8Array;
  /** Reads its numbers. Throws an InputError if one is not finite. */
  floats(): Float32Array;
}

/** A model's description, which says whether the file has a head of its own, and its parameters. */
export interface Parameters {
  readonly architecture: Architecture;
  /** By canonical name, in the order of `parameterShapes`. */
  readonly parameters: ReadonlyMap<string, StoredParameter>;
  /** What a user should know, a sentence each. */
  readonly notes: readonly string[];
}

/** The parameters that `described` asks for. Throws an InputError that names the file and the tensor. */
export function readParameters(file: WeightFile, described: Architecture, names: FileNames): Parameters {
  const prefix = prefixOf(file, names);
  const { tied, notes } = isHeadTied(file, described, names, prefix);
  const architecture = { ...described, tiedHead: tied };
  const places = parameterPlaces(architecture, names, prefix);
  const parameters = new Map(places.map((place) => [place.name, storedParameter(file, place)]));
  refuseStrangers(file, new Set(places.map(({ tensor }) => tensor)), names, prefix);
  return { architecture, parameters, notes };
}

/** The prefix of the family, unless the file was saved without it. */
function prefixOf(file: WeightFile, { prefix, modules }: FileNames): string {
  return file.tensors.has(`${modules.embed}.weight`) ? "" : prefix;
}

/**
 * Whether the head is the embedding. A head that is stored although the configuration says that it is tied counts if it differs.
 * A head that is neither stored nor tied cannot be made up.
 */
function isHeadTied(
  file: WeightFile,
  { tiedHead }: Architecture,
  { head, modules }: FileNames,
  prefix: string,
): { tied: boolean; notes: string[] } {
  const stored = file.tensors.get(`${head}.weight`);
  if (stored === undefined && tiedHead) return { tied: true, notes: [] };
  if (stored === undefined) {
    throw new InputError(
      `${file.name}: tensor ${quote(`${head}.weight`)} is missing, and the configuration says that it is not the embedding (tie_word_embeddings)`,
    );
  }
  if (!tiedHead) return { tied: false, notes: [] };
  const embedding = file.tensors.get(`${prefix}${modules.embed}.weight`);
  if (embedding === undefined || isEqual(stored, embedding)) return { tied: true, notes: [] };
  const note = `${file.name}: the stored head differs from the embedding, though the configuration says that they are one; the stored one is used`;
  return { tied: false, notes: [note] };
}

function isEqual(a: FileTensor, b: FileTensor): boolean {
  if (a.dtype !== b.dtype || a.size !== b.size) return false;
  const [left, right] = [a.bytes(), b.bytes()];
  return left.every((byte, i) => byte === right[i]);
}

function storedParameter(file: WeightFile, place: ParameterPlace): StoredParameter {
  const { tensor: name, tensorShape, shape, layout } = place;
  const tensor = file.tensors.get(name);
  if (tensor === undefined) {
    throw new InputError(`${file.name}: tensor ${quote(name)} is missing; its shape should be [${tensorShape}]`);
  }
  if (tensor.shape.join() !== tensorShape.join()) {
    throw new InputError(
      `${file.name}: tensor ${quote(name)} has shape [${tensor.shape}], it should be [${tensorShape}]`,
    );
  }
  const type = weightTypeOf(tensor, file.name);
  const bytes = () => takeRows(tensor.bytes(), type, shape, layout);
  const floats = () => requireFinite(decodeWeights(type, bytes()), name, file.name);
  return { place: `${file.name}: tensor ${quote(name)}`, type, shape, bytes, floats };
}

function requireFinite(floats: Float32Array, name: string, source: string): Float32Array {
  const place = firstNotFinite(floats);
  if (place < 0) return floats;
  throw new InputError(`${source}: element ${place} of tensor ${quote(name)} is not a finite number`);
}

/** Refuses a tensor that is neither a parameter nor known to be none. A tied head may be stored once more. */
function refuseStrangers(file: WeightFile, taken: ReadonlySet<string>, names: FileNames, prefix: string): void {
  for (const { name, shape } of file.tensors.values()) {
    const inner = name.startsWith(prefix) ? name.slice(prefix.length) : name;
    if (taken.has(name) || name === `${names.head}.weight` || names.ignored?.test(inner)) continue;
    throw new InputError(`${file.name}: tensor ${quote(name)} of shape [${shape}] belongs to no part of this model`);
  }
}
