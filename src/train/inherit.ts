/**
 * A model that starts with the weights of another (paper, section 4.2 and Figure 6). It can train on other documents, or with
 * a new or larger memory. Moments and memories are not inherited. To resume a run, see checkpoint.ts.
 */
import { InputError } from "../base/errors.ts";
import type { ModelConfig } from "../model/config.ts";
import { beginAsInductionHeads, KEY_SMEAR, parameterShapes } from "../model/parameters.ts";
import { Transformer } from "../model/transformer.ts";

/**
 * Returns a model of `config` with the parameters of `source`, the model in `directory`. Parameters missing from `source`
 * (such as a new memory's gate) are initialised from `seed`; parameters only `source` has are ignored. With `induction_init`, which `source`
 * has not, heads with smeared keys begin as induction heads with its keys.
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
  const begins = config.induction_init && !source.config.induction_init;
  for (const [name] of shapes) {
    if (begins && name.endsWith(KEY_SMEAR)) continue;
    model.parameters.get(name).set(source.parameters.get(name).toArray());
  }
  if (begins) beginAsInductionHeads(config, model.parameters);
  return model;
}
