/**
 * The kinds of numbers that `transformers` loads, F32, F16 and BF16: which of them a parameter is written as, and its bytes. What
 * a file has as one of these is written bit by bit; numbers in blocks are written as F32, which holds them exactly.
 */
import { InputError } from "../base/errors.ts";
import { bfloatsOf } from "../formats/half-floats.ts";
import type { WeightType } from "../formats/weight-types.ts";
import { asHalves } from "../wasm/half.ts";
import type { StoredParameter } from "./read-parameters.ts";
import type { ExportedParameter, ExportType } from "./write-parameters.ts";

/** A kind of number by the word for it; `stored` is what the file has. */
export type ExportDtype = "stored" | "float32" | "float16" | "bfloat16";

/** All of them, the default first. */
export const exportDtypes: readonly ExportDtype[] = ["stored", "float32", "float16", "bfloat16"];

/** What config.json calls them. */
export const dtypeNames: Readonly<Record<ExportType, Exclude<ExportDtype, "stored">>> = {
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
};

/** The largest half float, and the largest brain float. */
const LARGEST: Readonly<Record<"F16" | "BF16", number>> = { F16: 65_504, BF16: 3.3895313892515355e38 };

/** The kind of number that holds every number of `type`, of those that `transformers` loads. */
export function exactType(type: WeightType): ExportType {
  return type === "F16" || type === "BF16" ? type : "F32";
}

/** A parameter of a file, to be written as `dtype`. Its bytes are read when they are asked for. */
export function exported(parameter: StoredParameter, dtype: ExportDtype): ExportedParameter {
  const { type: stored, bytes, place, floats } = parameter;
  const type = typeOf(dtype) ?? exactType(stored);
  if (type === stored) return { type, bytes };
  return { type, bytes: () => bytesAs(type, floats(), place) };
}

function typeOf(dtype: ExportDtype): ExportType | undefined {
  return (Object.keys(dtypeNames) as ExportType[]).find((type) => dtypeNames[type] === dtype);
}

/** The bytes of floats, rounded to the nearest number of `type`. Throws an InputError that names `place` for one that is too large. */
export function bytesAs(type: ExportType, floats: Float32Array, place: string): Uint8Array {
  if (type === "F32") return bytesOf(floats);
  const large = floats.findIndex((value) => !(Math.abs(value) <= LARGEST[type]));
  if (large < 0) return bytesOf(type === "F16" ? asHalves(floats) : bfloatsOf(floats));
  throw new InputError(
    `${place} has ${floats[large]} at element ${large}, but ${dtypeNames[type]} has only numbers up to ${LARGEST[type]}`,
  );
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Uint16Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
