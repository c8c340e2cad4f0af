/** The scales of a chart's axes: values to coordinates, and ticks at round numbers. */

/** An axis: where a value lies, and its ticks. */
export interface Scale {
  at(value: number): number;
  readonly ticks: readonly number[];
  label(tick: number): string;
}

/** Maps values from `least` to `most`, rounded outwards to ticks, to coordinates from `begin` to `end`. */
export function scaleOf(least: number, most: number, begin: number, end: number): Scale {
  const step = tickStep(most - least);
  const [first, last] = [Math.floor(least / step), Math.max(Math.ceil(most / step), Math.floor(least / step) + 1)];
  const at = (value: number) => begin + ((value / step - first) / (last - first)) * (end - begin);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return {
    at,
    ticks: Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step),
    label: (tick) => numberLabel(tick, digits),
  };
}

/** Maps values above 0 by their logarithms, with ticks at powers of two. */
export function octaveScale(least: number, most: number, begin: number, end: number): Scale {
  const [first, last] = [Math.log2(least), Math.max(Math.log2(most), Math.log2(least) + 1)];
  const octaves = Math.floor(last + 1e-9) - Math.ceil(first - 1e-9) + 1;
  return {
    at: (value) => begin + ((Math.log2(value) - first) / (last - first)) * (end - begin),
    ticks: Array.from({ length: octaves }, (_, i) => 2 ** (Math.ceil(first - 1e-9) + i)),
    label: (tick) => numberLabel(tick, 0),
  };
}

/** Maps values above 0 by their logarithms, with ticks at round numbers between the least and the greatest. */
export function ratioScale(least: number, most: number, begin: number, end: number): Scale {
  const { ticks, label } = scaleOf(least, most, begin, end);
  const [first, last] = [Math.log(least), Math.max(Math.log(most), Math.log(least) + 1e-3)];
  return {
    at: (value) => begin + ((Math.log(value) - first) / (last - first)) * (end - begin),
    ticks: ticks.filter((tick) => tick >= least && tick <= most),
    label,
  };
}

function numberLabel(value: number, digits: number): string {
  const fraction = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return value.toLocaleString("en-US", fraction).replace("-", "−");
}

/** Returns 1, 2 or 5 times a power of ten, so that about five steps make up `range`. */
function tickStep(range: number): number {
  if (!(range > 0)) return 1;
  const rough = range / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
}

/** A coordinate as SVG has it. */
export function fixed(coordinate: number): string {
  return coordinate.toFixed(1);
}
