/** A straight line through measurements. */

/** The line through points by least squares: its value at 0, and its slope. */
export function lineThrough(
  points: readonly (readonly [x: number, y: number])[],
): readonly [atZero: number, slope: number] {
  const mean = (numbers: readonly number[]) => numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
  const [x0, y0] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  const spread = mean(points.map(([x]) => (x - x0) ** 2));
  const slope = spread === 0 ? 0 : mean(points.map(([x, y]) => (x - x0) * (y - y0))) / spread;
  return [y0 - slope * x0, slope];
}
