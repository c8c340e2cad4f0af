/**
 * How the loss on unseen documents changed in the course of trainings, as the paper's Figure 6 has it: for each run and memory size
 * the mean loss of every evaluation. For the page see html/curves-page.ts.
 */
import { InputError } from "../base/errors.ts";
import type { EvaluationResult } from "../train/evaluate.ts";
import type { MetricsLine } from "../train/step-metrics.ts";
import { wholeNumber } from "./progress.ts";

/** The evaluations of one run with one memory size. */
export interface TrainingCurve {
  /** Name of the run. */
  readonly run: string;
  /** M; 0 is none. */
  readonly memory: number;
  /** Steps done, and the mean loss in nats a token, in the order of the steps. */
  readonly points: readonly (readonly [step: number, loss: number])[];
}

/** A run and the lines of its metrics. */
export interface RunMetrics {
  readonly run: string;
  readonly metrics: readonly MetricsLine[];
}

/** The curves of some runs. Throws an InputError for a run that was not evaluated. */
export function trainingCurves(runs: readonly RunMetrics[]): TrainingCurve[] {
  return runs.flatMap(({ run, metrics }) => {
    const points = metrics.flatMap((line) => ("evaluation" in line ? pointsOf(line.step, line.evaluation) : []));
    if (points.length === 0) {
      throw new InputError(`${run} was not evaluated while it was trained; train it with --eval-every and --eval-data`);
    }
    const sizes = [...new Set(points.map(({ memory }) => memory))].sort((a, b) => a - b);
    return sizes.map((memory) => {
      const own = points.filter((point) => point.memory === memory);
      return { run, memory, points: own.map(({ step, loss }) => [step, loss] as const) };
    });
  });
}

/** The mean losses of an evaluation. What a damaged file has instead of one is left out. */
function pointsOf(step: number, { tokens, results }: Partial<EvaluationResult>) {
  const list = Array.isArray(results) ? results : [];
  return list.flatMap((result) => {
    const { memory, nats } = Object(result);
    const loss = nats / Number(tokens);
    return Number.isSafeInteger(memory) && Number.isFinite(loss) ? [{ step, memory: Number(memory), loss }] : [];
  });
}

/** `runs/offsets, memory 8,192` */
export function curveName({ run, memory }: TrainingCurve): string {
  return memory === 0 ? `${run}, no memory` : `${run}, memory ${wholeNumber(memory)}`;
}

/** The rows of a table: a line for each curve, with its first, its lowest and its last loss. */
export function curveRows(curves: readonly TrainingCurve[]): string[][] {
  const rows = curves.map((curve) => {
    const { points } = curve;
    const [first, last] = [points[0], points[points.length - 1]];
    const lowest = points.reduce((low, point) => (point[1] < low[1] ? point : low));
    const shown = ([step, loss]: readonly [number, number]) => `${loss.toFixed(4)} (${wholeNumber(step)})`;
    return [curveName(curve), shown(first), shown(lowest), shown(last), (last[1] - first[1]).toFixed(4)];
  });
  return [["run", "first loss (step)", "lowest", "last", "change"], ...rows];
}
