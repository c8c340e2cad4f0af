/**
 * The weights of a decoder by canonical name: the one place that knows how a matrix is kept. Most tensors are floats, which may
 * learn; a matrix may instead stay as small as its file has it, and then it only multiplies.
 */
import { linear } from "../autodiff/ops/matmul.ts";
import { layerNorm, rmsNorm } from "../autodiff/ops/norm.ts";
import { embedding } from "../autodiff/ops/vocabulary.ts";
import { arena, Tensor } from "../autodiff/tensor.ts";
import { allOrNothing, type Releasable } from "../base/lifetime.ts";
import { type Declaration, type ParameterGroup, Parameters } from "../nn/parameters.ts";
import { type MatrixSource, sourceOfStored } from "../weights/matrix-source.ts";
import { PackedMatrix } from "../weights/packed-matrix.ts";
import type { Architecture } from "./architecture.ts";
import { parameterShapes } from "./parameters.ts";
import type { StoredParameter } from "./read-parameters.ts";
import { packedDtype, type WeightKind } from "./weight-kinds.ts";

/** A matrix [out, in] that is kept in another form than floats. No gradient passes through it. */
export interface Packed extends Releasable {
  /** x Wᵀ + bias: x [..., in] → [..., out]. */
  multiply(x: Tensor, bias?: Tensor): Tensor;
  /** Its rows by number, as floats: [ids.length, in]. */
  rows(ids: Int32Array): Tensor;
}

/** The offset of a layer's memory: a number for each query head that is added to the logits of what it retrieves. */
export function offsetName(layer: number): string {
  return `layers.${layer}.memory_offset`;
}

/** Parameters of a model, first those of its files and then the offsets, which are 0 in a model that was not trained with them. */
export function declareWeights(architecture: Architecture): Declaration[] {
  const initial = () => 0;
  const stored = parameterShapes(architecture).map(({ name, shape }) => ({
    name,
    shape,
    group: groupOf(name),
    initial,
  }));
  const offsets = Array.from({ length: architecture.layers }, (_, layer): Declaration => {
    return { name: offsetName(layer), shape: [architecture.heads], group: "attention", initial };
  });
  return [...stored, ...offsets];
}

/** Biases are scaled like norms, and do not decay either. */
function groupOf(name: string): ParameterGroup {
  if (/^(?:embed|positions)\./.test(name)) return "embedding";
  return /norm\.|\.bias$/.test(name) ? "norms" : "matrices";
}

/** Weights that are not among the parameters of a model. */
export interface OtherWeights {
  /** Matrices by module, such as `layers.0.q`. */
  readonly packed?: ReadonlyMap<string, Packed>;
  /** Floats that stay as they are while others learn. */
  readonly fixed?: Parameters;
}

/** The weights of a model. */
export class Weights implements Releasable {
  /** Those that are floats; where some learn and others do not, those that learn. */
  readonly parameters: Parameters;
  private readonly architecture: Architecture;
  private readonly packed: ReadonlyMap<string, Packed>;
  private readonly fixed: Parameters | undefined;

  /** `others` are missing from `parameters`. */
  constructor(architecture: Architecture, parameters: Parameters, { packed, fixed }: OtherWeights = {}) {
    this.architecture = architecture;
    this.parameters = parameters;
    this.packed = packed ?? new Map();
    this.fixed = fixed;
  }

  /** x Wᵀ + b of a module; the bias where the description has one. */
  linear(x: Tensor, module: string): Tensor {
    const bias = this.find(`${module}.bias`);
    const packed = this.packed.get(module);
    return packed === undefined ? linear(x, this.get(`${module}.weight`), bias) : packed.multiply(x, bias);
  }

  /** `linear` of several modules, [...][modules]. Matrices that are packed alike are multiplied in one pass, with the same bits. */
  linears(x: Tensor, modules: readonly string[]): Tensor[] {
    const packed = modules.map((module) => this.packed.get(module));
    if (!areAlike(packed)) return modules.map((module) => this.linear(x, module));
    return PackedMatrix.multiplyAll(
      packed,
      x,
      modules.map((module) => this.find(`${module}.bias`)),
    );
  }

  /** Rows of a table, [...shape, C]. */
  rows(module: string, ids: Int32Array, shape: readonly number[]): Tensor {
    const packed = this.packed.get(module);
    if (packed === undefined) return embedding(this.get(`${module}.weight`), ids, shape);
    const rows = packed.rows(ids);
    return new Tensor(rows.ptr, [...shape, rows.shape[1]], arena.epoch); // the same numbers, with the batch's axes
  }

  /** The model's norm over each slice that is as long as the module's weight. */
  norm(x: Tensor, module: string): Tensor {
    const { kind, epsilon, weightOffset } = this.architecture.norm;
    const weight = this.get(`${module}.weight`);
    if (kind === "rms") return rmsNorm(x, weight, epsilon, weightOffset);
    return layerNorm(x, weight, this.get(`${module}.bias`), epsilon);
  }

  /** The parameter called `name`. */
  get(name: string): Tensor {
    return this.fixed?.has(name) ? this.fixed.get(name) : this.parameters.get(name);
  }

  private find(name: string): Tensor | undefined {
    return this.parameters.has(name) || this.fixed?.has(name) ? this.get(name) : undefined;
  }

  /** Frees them. */
  release(): void {
    this.parameters.release();
    this.fixed?.release();
    for (const matrix of this.packed.values()) matrix.release();
  }
}

/** Whether all are packed, and in the same form. */
function areAlike(matrices: readonly (Packed | undefined)[]): matrices is PackedMatrix[] {
  return matrices.every((matrix) => matrix instanceof PackedMatrix && matrix.dtype === dtypeOf(matrices[0]));
}

function dtypeOf(matrix: Packed | undefined): string | undefined {
  return matrix instanceof PackedMatrix ? matrix.dtype : undefined;
}

/** The weights of files, in the form that `kind` says. Each tensor is read, packed and dropped before the next one. */
export function keptWeights(
  architecture: Architecture,
  stored: ReadonlyMap<string, StoredParameter>,
  kind: WeightKind,
): Weights {
  return allOrNothing((own) => {
    const dtypes = new Map([...stored].map(([name, parameter]) => [name, packedDtype(name, parameter, kind)]));
    const floats = declareWeights(architecture).filter(({ name }) => dtypes.get(name) === undefined);
    const parameters = own(new Parameters(floats, false));
    const packed = new Map<string, Packed>();
    for (const [name, parameter] of stored) {
      const dtype = dtypes.get(name);
      if (dtype === undefined) parameters.get(name).set(parameter.floats());
      else packed.set(moduleOf(name), own(new PackedMatrix(matrixOf(parameter), dtype)));
    }
    return new Weights(architecture, parameters, { packed });
  });
}

/** `layers.0.q.weight` → `layers.0.q`. */
function moduleOf(name: string): string {
  return name.slice(0, name.lastIndexOf("."));
}

function matrixOf({ place, type, shape: [rows, columns], bytes }: StoredParameter): MatrixSource {
  return sourceOfStored(place, { type, shape: [rows, columns], bytes });
}

/** The weights of files as floats. With `learns` they have gradients, which take as much room again. */
export function floatWeights(
  architecture: Architecture,
  stored: ReadonlyMap<string, Pick<StoredParameter, "floats">>,
  learns = false,
): Weights {
  return allOrNothing((own) => {
    const parameters = own(new Parameters(declareWeights(architecture), learns));
    for (const [name, parameter] of stored) parameters.get(name).set(parameter.floats());
    return new Weights(architecture, parameters);
  });
}

/** The same where only the parameters that `learns` accepts have gradients; the others are floats without them. */
export function learningWeights(
  architecture: Architecture,
  stored: ReadonlyMap<string, Pick<StoredParameter, "floats">>,
  learns: (name: string) => boolean,
): Weights {
  const declared = declareWeights(architecture);
  return allOrNothing((own) => {
    const parameters = own(new Parameters(declared.filter(({ name }) => learns(name))));
    const fixed = own(
      new Parameters(
        declared.filter(({ name }) => !learns(name)),
        false,
      ),
    );
    const weights = new Weights(architecture, parameters, { fixed });
    for (const [name, parameter] of stored) weights.get(name).set(parameter.floats());
    return weights;
  });
}
