/** The optimizer and the schedule that a trainer's options ask for. */
import type { ParameterGroup, Parameters } from "../nn/parameters.ts";
import { adafactor, adamW, type Optimizer } from "./optimizers.ts";
import type { TrainingOptions } from "./options.ts";
import { constant, cosine, rsqrt, type Schedule } from "./schedules.ts";

/** The update rule of the options, over all parameters that learn. */
export function optimizerFor(parameters: Parameters, options: TrainingOptions): Optimizer {
  const { attentionRate, embeddingRate } = options;
  const rates = { embedding: embeddingRate, matrices: 1, norms: 1, attention: attentionRate };
  const lrScale = (group: ParameterGroup) => rates[group];
  if (options.optimizer === "adafactor") {
    const scaled = (name: string) => ({ name, tensor: parameters.get(name), lrScale: lrScale(parameters.group(name)) });
    return adafactor(parameters.names().map(scaled));
  }
  const trained = parameters.blocks.map((block) => ({
    ...block,
    lrScale: lrScale(block.group),
    weightDecay: block.group === "matrices" ? options.weightDecay : 0,
  }));
  const { beta1, beta2, eps } = options;
  return adamW(trained, { beta1, beta2, eps });
}

/** The course of the learning rate that the options ask for. */
export function scheduleFor({ schedule, steps, warmupSteps }: TrainingOptions): Schedule {
  switch (schedule) {
    case "constant":
      return constant(warmupSteps);
    case "cosine":
      return cosine(steps, warmupSteps);
    case "rsqrt":
      return rsqrt(warmupSteps);
  }
}
