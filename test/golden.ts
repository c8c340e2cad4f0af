/**
 * The committed golden files: the results of an independent PyTorch program for a tiny model, in seven variants.
 *
 * B = 2 rows, five segments of T = 16 tokens; row 1 begins a new document at segment 3. Tensors, by name:
 * `tokens [5, B, T+1]`, `starts [5, B]`, `losses [5]`, `adam.losses [15]`, `param.*`, `seg{s}.logits [B, T, V]`,
 * `seg{3,4}.memory_after.row{b}.keys|values [H, stored, D]` (oldest first), and gradients of segment 4's mean loss,
 * `seg4.grad.*`, for the parameters that fixtures/make-fixtures.ts keeps. Weights are [out, in].
 */
import { fileURLToPath } from "node:url";
import { readSafetensors, type SafetensorsFile, type StoredTensor } from "../src/formats/safetensors.ts";
import { type ModelConfig, parseConfig } from "../src/model/config.ts";
import { readFile } from "../src/platform/read-file.ts";

export const goldenVariants = [
  "plain",
  "xl",
  "memory",
  "memory-xl",
  "memory-joint",
  "memory-smear",
  "memory-joint-smear",
] as const;
export type GoldenVariant = (typeof goldenVariants)[number];

export interface Golden {
  config: ModelConfig;
  tensors: Map<string, StoredTensor>;
  /** The numbers of the F32 tensor `name`. Throws an Error that names it if there is none. */
  f32(name: string): Float32Array;
}

/** Compiled tests run from dist/test, the fixtures stay in test/fixtures. */
const isCompiled = import.meta.url.endsWith("/dist/test/golden.js");
const fixtures = new URL(isCompiled ? "../../test/fixtures/" : "./fixtures/", import.meta.url);

/** Returns the tensors of `variant`, including those that it shares with another. */
export function golden(variant: GoldenVariant): Golden {
  const { tensors, metadata } = open(variant);
  const borrowed: Record<string, GoldenVariant> = JSON.parse(metadata.borrowed);
  const lenders = new Map([...new Set(Object.values(borrowed))].map((lender) => [lender, open(lender).tensors]));
  for (const [name, lender] of Object.entries(borrowed)) {
    const tensor = lenders.get(lender)?.get(name);
    if (tensor === undefined) throw new Error(`golden ${variant} borrows ${name} from ${lender}, which lacks it`);
    tensors.set(name, tensor);
  }
  const f32 = (name: string) => {
    const tensor = tensors.get(name);
    if (tensor?.dtype !== "F32") throw new Error(`golden ${variant} has no F32 tensor ${name}`);
    return tensor.data;
  };
  return { config: parseConfig(JSON.parse(metadata.config), `golden ${variant}`), tensors, f32 };
}

function open(variant: GoldenVariant): SafetensorsFile {
  const path = fileURLToPath(new URL(`golden-${variant}.safetensors`, fixtures));
  return readSafetensors(readFile(path), path);
}
