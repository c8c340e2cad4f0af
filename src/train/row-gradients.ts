/**
 * Gradients of single rows. Each row is a pass of its own, and the gradients are added up as row-sum.ts says, so it makes no difference
 * which machine computes which row.
 */
import type { TrainableModel, TrainingState } from "../nn/language-model.ts";
import type { Parameters } from "../nn/parameters.ts";
import { flatCopy, setFlat } from "./flat-parameters.ts";
import { type Pass, runPass, type StepDraw } from "./pass.ts";
import { type RowNode, RowSum } from "./row-sum.ts";

/** Rows from `from` up to `to`, which is not one of them. */
export interface RowRange {
  /** The first row. */
  readonly from: number;
  /** The row after the last. */
  readonly to: number;
}

/** What a step computes of some rows. */
export interface RowGradients extends RowRange {
  /** Sums of their gradients. */
  readonly nodes: readonly RowNode[];
  /** What their passes found, row by row. */
  readonly passes: readonly Pass[];
}

type RowGradientsArguments = [model: TrainableModel, states: readonly TrainingState[], draw: StepDraw, range: RowRange];

/** Computes the gradients of rows [from, to), each with its own state. The model's gradients are undefined afterwards. */
export function rowGradients(...given: RowGradientsArguments): RowGradients {
  const rows = rowByRow(...given);
  for (;;) {
    const { done, value } = rows.next();
    if (done) return value;
  }
}

/** The same, awaiting `between` after each row. */
export async function rowGradientsInTurn(
  between: () => Promise<void>,
  ...given: RowGradientsArguments
): Promise<RowGradients> {
  const rows = rowByRow(...given);
  for (;;) {
    const { done, value } = rows.next();
    if (done) return value;
    await between();
  }
}

function* rowByRow(...[model, states, draw, { from, to }]: RowGradientsArguments): Generator<void, RowGradients> {
  const sum = new RowSum(draw.passes.length);
  const passes: Pass[] = [];
  for (const [index, state] of states.entries()) {
    model.parameters.zeroGradients();
    passes.push(runPass(model, state, draw, from + index));
    sum.add({ level: 0, index: from + index, sum: flatCopy(model.parameters, "gradients") });
    yield;
  }
  return { from, to, nodes: sum.nodes(), passes };
}

/** Makes the sum over all rows the model's gradients. Returns the passes in the order of the rows; undefined if some are missing. */
export function takeRowGradients(
  parameters: Parameters,
  rows: number,
  parts: readonly RowGradients[],
): Pass[] | undefined {
  const sum = new RowSum(rows);
  for (const node of parts.flatMap(({ nodes }) => nodes)) sum.add(node);
  const total = sum.total();
  if (total === undefined) return undefined;
  setFlat(parameters, "gradients", total);
  return parts.toSorted((a, b) => a.from - b.from).flatMap(({ passes }) => passes);
}
