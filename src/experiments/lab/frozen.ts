/**
 * Parameters that do not learn while others do: a copy that is put back after every step. The optimizer, which runs over
 * whole blocks, need not know.
 */
import type { Tensor } from "../../autodiff/tensor.ts";
import type { Transformer } from "../../model/transformer.ts";

export class FrozenParameters {
  private readonly kept: readonly (readonly [parameter: Tensor, values: Float32Array])[];

  /** Freezes all of the model as it is now but the attention and the feed-forward block of `layer`. */
  constructor({ parameters }: Transformer, layer: number) {
    const learning = `model.layers.${layer}.`;
    const frozen = parameters.names().filter((name) => !name.startsWith(learning));
    this.kept = frozen.map((name) => [parameters.get(name), parameters.get(name).toArray()]);
  }

  /** Undoes whatever a step did to them. */
  restore(): void {
    for (const [parameter, values] of this.kept) parameter.set(values);
  }
}
