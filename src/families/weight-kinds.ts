/**
 * The forms in which the weights of a model can be kept, and which of them each parameter gets. Only matrices are packed; norms and
 * biases are few, and stay floats.
 */
import type { WeightType } from "../formats/weight-types.ts";
import { type PackedDtype, packedBytes } from "../weights/packed-matrix.ts";
import type { StoredParameter } from "./read-parameters.ts";

/** A form of weights; `stored` keeps what a file has, where that is exact. */
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

/** What holds every number of a type. The other types stay floats with `stored`. */
const EXACT: Partial<Record<WeightType, PackedDtype>> = {
  F16: "f16",
  BF16: "bf16",
  Q8_0: "int8",
  Q5_0: "int8",
  IQ4_NL: "int8",
  Q4_0: "int4",
  Q4_1: "int4",
};

type Stored = Pick<StoredParameter, "type" | "shape">;

/** How a parameter is kept; undefined for floats. Learned positions are added up, so they are never rounded. */
export function packedDtype(name: string, { type, shape }: Stored, kind: WeightKind): PackedDtype | undefined {
  if (shape.length < 2 || name.startsWith("positions.")) return undefined;
  return kind === "stored" ? EXACT[type] : dtypes[kind];
}

/** The form of a parameter in words, and the bytes that it takes. */
export function keptForm(name: string, stored: Stored, kind: WeightKind): { form: WeightKind; bytes: number } {
  const dtype = packedDtype(name, stored, kind);
  const [rows, columns = 1] = stored.shape;
  if (dtype === undefined) return { form: "float32", bytes: 4 * rows * columns };
  const form = weightKinds.find((each) => dtypes[each] === dtype) as WeightKind;
  return { form, bytes: packedBytes([rows, columns], dtype) };
}
