/** All experiments, in the order of `--help`. */
import { ablations } from "./ablations.ts";
import { baselines } from "./baselines.ts";
import { context } from "./context.ts";
import { gates } from "./gates.ts";
import { growth } from "./growth.ts";
import type { Experiment } from "./lab/experiment.ts";
import { mechanisms } from "./mechanisms.ts";
import { retrofit } from "./retrofit.ts";
import { scale } from "./scale.ts";
import { tokens } from "./tokens.ts";

export const experiments: readonly Experiment[] = [
  context,
  growth,
  scale,
  retrofit,
  ablations,
  gates,
  baselines,
  mechanisms,
  tokens,
];
