/** Gradients of rows as bytes, which workers send to each other in every step. */
import { InputError } from "../../base/errors.ts";
import { parseJson } from "../../formats/json.ts";
import { floatTensor, readSafetensors, writeSafetensors } from "../../formats/safetensors.ts";
import type { Pass } from "../pass.ts";
import type { RowGradients, RowRange } from "../row-gradients.ts";
import type { RowNode } from "../row-sum.ts";

export function gradientBytes({ nodes, passes }: RowGradients): Uint8Array {
  const tensors = nodes.map(({ level, index, sum }) => [`${level}.${index}`, floatTensor([sum.length], sum)] as const);
  return writeSafetensors(new Map(tensors), { passes: JSON.stringify(passes) });
}

/**
 * The gradients of the rows of `range` in a message, with `count` numbers for each node.
 * @throws InputError if they are not what `gradientBytes` wrote for these rows
 */
export function gradientsIn(bytes: Uint8Array, { from, to }: RowRange, count: number): RowGradients {
  const { tensors, metadata } = readSafetensors(bytes, "the gradients of a worker");
  const passes = parseJson(metadata.passes ?? "null", "the passes of a worker are not JSON");
  const nodes = [...tensors].map(([name, { data }]): RowNode | undefined => {
    const [level, index] = name.split(".").map(Number);
    const isInside = index * 2 ** level >= from && index * 2 ** level < to;
    return isInside && data instanceof Float32Array && data.length === count ? { level, index, sum: data } : undefined;
  });
  const areWhole = nodes.every((node) => node !== undefined);
  if (
    areWhole &&
    Array.isArray(passes) &&
    passes.length === to - from &&
    passes.every((pass) => isPass(Object(pass)))
  ) {
    return { from, to, nodes: nodes as RowNode[], passes };
  }
  throw new InputError(`the gradients of rows ${from} to ${to} are not what this program writes`);
}

function isPass({ loss, gates, fills }: Partial<Pass>): boolean {
  const areNumbers = (list: unknown) => Array.isArray(list) && list.every((number) => typeof number === "number");
  const areSums = (layer: unknown) => {
    const { layer: number, sums, queries } = Object(layer);
    return [number, queries].every(Number.isSafeInteger) && areNumbers(sums);
  };
  return typeof loss === "number" && areNumbers(fills) && Array.isArray(gates) && gates.every(areSums);
}
