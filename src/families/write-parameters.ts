/** Puts the parameters of a model back into the tensors of its family's files, as `transformers` names and lays them out. */

import type { StoredTensor } from "../formats/safetensors.ts";
import { bytesOfNumbers } from "../formats/weight-types.ts";
import type { Architecture } from "./architecture.ts";
import type { FamilyReader } from "./family.ts";
import { putRows, transpose } from "./layout.ts";
import { type ParameterPlace, parameterPlaces } from "./parameter-places.ts";

/** The kinds of numbers that these files can have. */
export type ExportType = "F32" | "F16" | "BF16";

/** A parameter to be written: its bytes as [out, in]. */
export interface ExportedParameter {
  readonly type: ExportType;
  bytes(): Uint8Array;
}

/** The tensors of a file with `parameters`, one for every parameter of `architecture`, by canonical name. */
export function writeParameters(
  architecture: Architecture,
  parameters: ReadonlyMap<string, ExportedParameter>,
  { names }: FamilyReader,
): Map<string, StoredTensor> {
  const byTensor = new Map<string, ParameterPlace[]>();
  for (const place of parameterPlaces(architecture, names, names.prefix)) {
    byTensor.set(place.tensor, [...(byTensor.get(place.tensor) ?? []), place]);
  }
  return new Map([...byTensor].map(([tensor, places]) => [tensor, tensorOf(places, parameters)]));
}

/** The tensor that holds the parameters of all these places, which have one kind of number. */
function tensorOf(places: readonly ParameterPlace[], parameters: ReadonlyMap<string, ExportedParameter>): StoredTensor {
  const [{ tensorShape, layout }] = places;
  const { type } = parameterOf(places[0], parameters);
  const count = tensorShape.reduce((product, length) => product * length, 1);
  const whole = new Uint8Array(bytesOfNumbers(type, count));
  for (const place of places) {
    const parameter = parameterOf(place, parameters);
    if (parameter.type !== type) throw new Error(`${place.tensor} cannot hold both ${type} and ${parameter.type}`);
    putRows(whole, parameter.bytes(), type, place.shape, place.layout);
  }
  const turned = layout.transposed && tensorShape.length > 1 ? transpose(whole, type, tensorShape[1]) : whole;
  return storedTensor(type, tensorShape, turned);
}

function parameterOf({ name }: ParameterPlace, parameters: ReadonlyMap<string, ExportedParameter>): ExportedParameter {
  const parameter = parameters.get(name);
  if (parameter === undefined) throw new Error(`the parameter ${name} was not given`);
  return parameter;
}

function storedTensor(dtype: ExportType, shape: readonly number[], { buffer }: Uint8Array): StoredTensor {
  if (dtype === "F32") return { dtype, shape, data: new Float32Array(buffer) };
  return { dtype, shape, data: new Uint16Array(buffer) };
}
