/** All experiments, in the order in which `--help` names them. */
import { context } from "./context.ts";
import type { Experiment } from "./experiment.ts";

export const experiments: readonly Experiment[] = [context];
