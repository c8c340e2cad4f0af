/**
 * Parameters that do not learn while others do: a copy is restored after every step. The optimizer runs over whole blocks
 * and need not know.
 */
import type { Tensor } from "../../autodiff/tensor.ts";
import type { Transformer } from "../../model/transformer.ts";

export class FrozenParameters {
  private readonly kept: readonly (readonly [parameter: Tensor, values: Float32Array])[];

  /** Freezes the model as it is now, except the attention and the feed-forward block of `layer`. */
  constructor({ parameters }: Transformer, layer: number) {
    const learning = `model.layers.${layer}.`;
    const frozen = parameters.names().filter((name) => !name.startsWith(learning));
    this.kept = frozen.map((name) => [parameters.get(name), parameters.get(name).toArray()]);
  }

  /** Undoes a step's changes to the frozen parameters. */
  restore(): void {
    for (const [parameter, values] of this.kept) parameter.set(values);
  }
}
