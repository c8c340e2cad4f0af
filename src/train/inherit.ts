/**
 * A model that begins with the weights of another one: to go on with other documents, or with a memory that the other did
 * not have or had smaller (paper, section 4.2 and Figure 6). Moments and memories are not inherited: a run that goes on as if
 * nothing had happened is the business of checkpoint.ts.
 */
import { InputError } from "../base/errors.ts";
import type { ModelConfig } from "../model/config.ts";
import { parameterShapes } from "../model/parameters.ts";
import { Transformer } from "../model/transformer.ts";

/**
 * A model of `config` with the parameters of `source`, the model in `directory`. What that has not, such as the gate of a
 * new memory, begins as `seed` says; what it alone has is left behind.
 * @throws InputError if both have a parameter, but of different shapes
 */
export function inheritingModel(
  source: Transformer,
  config: ModelConfig,
  seed: number,
  directory: string,
): Transformer {
  const shapes = [...parameterShapes(config)].filter(([name]) => source.parameters.has(name));
  for (const [name, shape] of shapes) {
    const found = source.parameters.get(name).shape;
    if (found.join() === shape.join()) continue;
    throw new InputError(`${directory} has ${name} of shape [${found}], but the configuration asks for [${shape}]`);
  }
  const model = new Transformer(config, seed);
  for (const [name] of shapes) model.parameters.get(name).set(source.parameters.get(name).toArray());
  return model;
}
