/**
 * The storage of a model's parameters: one flat block of the heap for each group.
 *
 * Values and gradients of a group are contiguous, so that an optimizer step, clipping or zeroing is one kernel call for each
 * group. A model declares names, shapes and first values; this file knows no particular model.
 */
import { type PersistentTensor, persistentTensor, Tensor } from "../autodiff/tensor.ts";
import { InputError } from "../base/errors.ts";
import { allOrNothing, Lifetime, type Own } from "../base/lifetime.ts";
import { Random } from "../base/random.ts";
import { show } from "../base/show.ts";
import type { Address } from "../wasm/heap.ts";
import { parallelElements } from "../wasm/parallel.ts";

/**
 * The groups: the embedding; the other matrices; norm scales; and the attention group of scales, position biases, gates and
 * smears. Only matrices decay. A trainer may give embedding and attention their own learning rates.
 */
export type ParameterGroup = "embedding" | "matrices" | "norms" | "attention";

/** All groups, in the order of their blocks. */
export const parameterGroups: readonly ParameterGroup[] = ["embedding", "matrices", "norms", "attention"];

/** All parameters of one group, as one vector. */
export interface ParameterBlock {
  /** The group. */
  readonly group: ParameterGroup;
  /** Values, [size]. */
  readonly values: Tensor;
  /** Gradients, [size]; [0] for parameters that do not learn. */
  readonly gradients: Tensor;
  /** Floats in it, including the padding between parameters. */
  readonly size: number;
}

/** A parameter that a model asks for. */
export interface Declaration {
  /** Its name in the model. */
  readonly name: string;
  /** Its extents. */
  readonly shape: readonly number[];
  /** The block that it belongs to. */
  readonly group: ParameterGroup;
  /** Draws a first value. */
  readonly initial: (random: Random) => number;
}

/** Parameters start on a cache line; the padding between them stays zero. */
const ALIGNED_FLOATS = 16;

function floatsOf(shape: readonly number[]): number {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return Math.ceil(size / ALIGNED_FLOATS) * ALIGNED_FLOATS;
}

/** The parameters of a model, by name, in one block for each group. */
export class Parameters {
  /** The blocks, one for each group. */
  readonly blocks: readonly ParameterBlock[];
  private readonly tensors = new Map<string, Tensor>();
  /** The storage of the blocks. */
  private readonly storage: PersistentTensor[] = [];
  private readonly life = new Lifetime("this model");

  /** Allocates what is declared, all 0. Without `learns`, there are no gradients. */
  constructor(declarations: readonly Declaration[], learns = true) {
    this.blocks = allOrNothing((own) =>
      parameterGroups.map((group) => this.allocate(group, declarations, learns, own)),
    );
  }

  /** Draws first values, in the order of the declarations. */
  fill(declarations: readonly Declaration[], seed: number): void {
    const random = new Random(seed);
    for (const { name, initial } of declarations) {
      const tensor = this.get(name);
      tensor.set(Float32Array.from({ length: tensor.size }, () => initial(random)));
    }
  }

  /** Allocates a group. */
  private allocate(group: ParameterGroup, all: readonly Declaration[], learns: boolean, own: Own): ParameterBlock {
    const members = all.filter((declaration) => declaration.group === group);
    const size = members.reduce((sum, { shape }) => sum + floatsOf(shape), 0);
    const [atValues, atGradients] = [size, learns ? size : 0]
      .map((floats) => own(persistentTensor([floats])))
      .map((block) => {
        this.storage.push(block);
        return block.ptr;
      });
    const view = (address: Address, shape: readonly number[]) => new Tensor(address, shape, this.life);
    let offset = 0;
    for (const { name, shape } of members) {
      const tensor = view(atValues + offset * 4, shape);
      tensor.requiresGrad = learns;
      if (learns) tensor.grad = view(atGradients + offset * 4, shape);
      this.tensors.set(name, tensor);
      offset += floatsOf(shape);
    }
    const gradients = view(atGradients, [learns ? size : 0]);
    return { group, values: view(atValues, [size]), gradients, size };
  }

  /** Names, in any order. */
  names(): string[] {
    return [...this.tensors.keys()];
  }

  /** Whether there is a parameter of that name. */
  has(name: string): boolean {
    return this.tensors.has(name);
  }

  /** The parameter called `name`. Throws an InputError if there is none, a ReleasedError after `release`. */
  get(name: string): Tensor {
    this.life.require();
    const tensor = this.tensors.get(name);
    if (tensor === undefined) throw new InputError(`the model has no parameter ${show(name)}`);
    return tensor;
  }

  /** The group of the parameter called `name`. */
  group(name: string): ParameterGroup {
    const { ptr } = this.get(name);
    const isMember = ({ values, size }: ParameterBlock) => ptr >= values.ptr && ptr < values.ptr + size * 4;
    return this.blocks.filter(isMember)[0].group;
  }

  /** Number of learned floats. */
  get count(): number {
    let count = 0;
    for (const tensor of this.tensors.values()) count += tensor.size;
    return count;
  }

  /** Sets all gradients to 0. */
  zeroGradients(): void {
    this.life.require();
    for (const { gradients } of this.blocks) parallelElements("zero", gradients.size, gradients.ptr);
  }

  /** Frees the storage; the model must not be used afterwards. */
  release(): void {
    this.life.end(() => {
      for (const block of this.storage) block.release();
    });
  }

  /** Releases them, at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.release();
  }
}
