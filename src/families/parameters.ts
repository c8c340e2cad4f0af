/**
 * The parameters that a description asks for, by their canonical names. Every matrix is [out, in], whatever the layout of its
 * family's files. Rows of q, k and v are grouped by head, and paired for rotation in halves.
 */
import type { Architecture } from "./architecture.ts";

/** A canonical name and its shape. */
export interface ParameterShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Every parameter of the model in the order of its computation; `head.weight` only where the head is not tied. */
export function parameterShapes(architecture: Architecture): ParameterShape[] {
  const { vocabulary, width, layers, positions, tiedHead } = architecture;
  const blocks = Array.from({ length: layers }, (_, layer) => blockShapes(architecture, `layers.${layer}`));
  return [
    { name: "embed.weight", shape: [vocabulary, width] },
    ...(positions.kind === "learned" ? [{ name: "positions.weight", shape: [positions.rows, width] }] : []),
    ...blocks.flat(),
    ...normShapes(architecture, "norm", width),
    ...(tiedHead ? [] : [{ name: "head.weight", shape: [vocabulary, width] }]),
  ];
}

function blockShapes(architecture: Architecture, block: string): ParameterShape[] {
  const { width, heads, keyHeads, headWidth, mlpWidth, biases, gated, outputNorms, headNorms } = architecture;
  const norm = (name: string, size = width) => normShapes(architecture, `${block}.${name}`, size);
  const linear = (name: keyof Architecture["biases"], rows: number, columns: number) => [
    { name: `${block}.${name}.weight`, shape: [rows, columns] },
    ...(biases[name] ? [{ name: `${block}.${name}.bias`, shape: [rows] }] : []),
  ];
  return [
    ...norm("input_norm"),
    ...linear("q", heads * headWidth, width),
    ...linear("k", keyHeads * headWidth, width),
    ...linear("v", keyHeads * headWidth, width),
    ...(headNorms ? [...norm("q_norm", headWidth), ...norm("k_norm", headWidth)] : []),
    ...linear("o", width, heads * headWidth),
    ...(outputNorms ? norm("attention_norm") : []),
    ...norm("mlp_norm"),
    ...(gated ? linear("gate", mlpWidth, width) : []),
    ...linear("up", mlpWidth, width),
    ...linear("down", width, mlpWidth),
    ...(outputNorms ? norm("output_norm") : []),
  ];
}

function normShapes({ norm }: Architecture, name: string, size: number): ParameterShape[] {
  const weight = { name: `${name}.weight`, shape: [size] };
  return norm.kind === "layer" ? [weight, { name: `${name}.bias`, shape: [size] }] : [weight];
}
