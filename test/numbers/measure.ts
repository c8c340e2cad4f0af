/** Measures the float32 error of an op against double precision, for its output and for the gradient of each input. */
import { backward, step } from "../../src/autodiff/tape.ts";
import { parameter, sizeOf } from "../../src/autodiff/tensor.ts";
import { Random } from "../../src/base/random.ts";
import type { NumbersCase } from "./cases.ts";

/** One comparison. Errors are the largest over all elements, relative to the largest true value. */
export interface Measurement {
  readonly op: string;
  readonly shape: string;
  readonly of: string;
  readonly relative: number;
  /** In units of the last place of the largest true value: 1 is the distance of neighbouring floats there. */
  readonly ulps: number;
  /** Largest allowed error, in ulps. */
  readonly bound: number;
}

const DIFFERENCE = 1e-5;
/** Number of elements of each input whose gradient is measured. */
const SAMPLES = 50;

export function measure({ op, shapes, run, oracle, bounds, spread = 1 }: NumbersCase): Measurement[] {
  const random = new Random(11);
  const inputs = shapes.map((shape) => {
    return parameter(
      shape,
      Float32Array.from({ length: sizeOf(shape) }, () => spread * random.normal()),
    );
  });
  const exact = inputs.map((input) => Float64Array.from(input.toArray()));
  const expected = oracle(...exact);
  const seed = Float32Array.from(expected, () => random.normal());
  const [withGradient, output] = step(() => {
    const y = run(...inputs);
    if (y.requiresGrad) backward(y, seed);
    return [y.requiresGrad, y.toArray()];
  });
  const shape = shapes.map((extents) => `[${extents}]`).join(" ");
  const rows = [{ op, shape, of: "output", ...errors(output, expected), bound: bounds[0] }];
  if (!withGradient) return rows;
  const comparisons = inputs.map((input, i) => {
    const gradient = input.grad?.toArray() ?? [];
    const places = Array.from({ length: Math.min(SAMPLES, input.size) }, (_, n) =>
      Math.floor((n * input.size) / Math.min(SAMPLES, input.size)),
    );
    return errors(
      places.map((place) => gradient[place]),
      differences(oracle, exact, i, seed, places),
    );
  });
  const worst = comparisons.reduce((a, b) => (b.ulps > a.ulps ? b : a));
  return [...rows, { op, shape, of: "gradients", ...worst, bound: bounds[1] }];
}

/** Computes d(seed · y)/dx at some places of input `which`, by central differences. */
function differences(
  oracle: NumbersCase["oracle"],
  inputs: readonly Float64Array[],
  which: number,
  seed: Float32Array,
  places: readonly number[],
): Float64Array {
  const input = inputs[which];
  const weighted = (place: number, x: number) => {
    const before = input[place];
    input[place] = x;
    const sum = oracle(...inputs).reduce((total, y, i) => total + y * seed[i], 0);
    input[place] = before;
    return sum;
  };
  const slope = (place: number) => {
    const x = input[place];
    return (weighted(place, x + DIFFERENCE) - weighted(place, x - DIFFERENCE)) / (2 * DIFFERENCE);
  };
  return Float64Array.from(places, slope);
}

/** Returns the errors of `actual`, elementwise, relative to the largest expected element. */
export function errors(actual: ArrayLike<number>, expected: Float64Array): { relative: number; ulps: number } {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const error = expected.reduce((most, value, i) => Math.max(most, Math.abs(actual[i] - value)), 0);
  if (!Number.isFinite(error)) return { relative: Infinity, ulps: Infinity };
  if (error === 0) return { relative: 0, ulps: 0 };
  return { relative: error / largest, ulps: error / 2 ** (Math.floor(Math.log2(largest)) - 23) };
}
