/**
 * The forms in which the weights of a model can be kept, and which of them each parameter gets. Only matrices are packed; norms and
 * biases are few, and stay floats.
 */
import type { WeightType } from "../formats/weight-types.ts";
import { type PackedDtype, packedBytes } from "../weights/packed-matrix.ts";
import type { StoredParameter } from "./read-parameters.ts";

/** A form of weights; `stored` keeps what a file has, exactly or in the nearest form that is about as small. */
export type WeightKind = "stored" | "float32" | "bfloat16" | "float16" | "int8" | "int4";

/** The dtype of each form. */
const dtypes: Readonly<Record<WeightKind, PackedDtype | undefined>> = {
  stored: undefined,
  float32: undefined,
  bfloat16: "bf16",
  float16: "f16",
  int8: "int8",
  int4: "int4",
};

/** All forms, the default first. */
export const weightKinds = Object.keys(dtypes) as WeightKind[];

/**
 * How a type is kept with `stored`; only floats stay floats. Most keep every number. Of Q4_K the scales are rounded to halves, by at
 * most 2⁻¹² of them. The last five, which have a scale for 16 weights or 5 bits and a minimum, are rounded to 8 bits anew, by at most
 * 1/254 of the largest of 32 weights: about a sixteenth of a step of their own in Q5_1 and Q5_K, an eighth in Q6_K.
 */
const STORED: Partial<Record<WeightType, PackedDtype>> = {
  F16: "f16",
  BF16: "bf16",
  Q8_0: "int8",
  Q5_0: "int8",
  IQ4_NL: "int8",
  Q4_0: "int4",
  Q4_1: "int4",
  Q4_K: "int4",
  Q5_1: "int8",
  Q2_K: "int8",
  Q3_K: "int8",
  Q5_K: "int8",
  Q6_K: "int8",
};

type Stored = Pick<StoredParameter, "type" | "shape">;

/** How a parameter is kept; undefined for floats. Learned positions are added up, so they are never rounded. */
export function packedDtype(name: string, { type, shape }: Stored, kind: WeightKind): PackedDtype | undefined {
  if (shape.length < 2 || name.startsWith("positions.")) return undefined;
  return kind === "stored" ? STORED[type] : dtypes[kind];
}

/** The form of a parameter in words, and the bytes that it takes. */
export function keptForm(name: string, stored: Stored, kind: WeightKind): { form: WeightKind; bytes: number } {
  const dtype = packedDtype(name, stored, kind);
  const [rows, columns = 1] = stored.shape;
  if (dtype === undefined) return { form: "float32", bytes: 4 * rows * columns };
  const form = weightKinds.find((each) => dtypes[each] === dtype) as WeightKind;
  return { form, bytes: packedBytes([rows, columns], dtype) };
}
