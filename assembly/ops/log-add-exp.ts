/** Sums of numbers that are kept as logarithms: the logsumexp of two attentions from those of each. */

/** z = ln(e^x + e^y) over elements [from, to). */
export function log_add_exp_forward(z: usize, x: usize, y: usize, from: i32, to: i32): void {
  for (let at = <usize>from << 2, end = <usize>to << 2; at < end; at += 4) {
    const a = load<f32>(x + at), b = load<f32>(y + at);
    store<f32>(z + at, max(a, b) + <f32>Math.log1p(Math.exp(-abs(<f64>a - <f64>b))));
  }
}

/** dx += dz · e^(x − z), dy += dz · e^(y − z). */
export function log_add_exp_backward(
  dx: usize, dy: usize, dz: usize, x: usize, y: usize, z: usize, from: i32, to: i32,
): void {
  for (let at = <usize>from << 2, end = <usize>to << 2; at < end; at += 4) {
    const d = load<f32>(dz + at), total = <f64>load<f32>(z + at);
    store<f32>(dx + at, load<f32>(dx + at) + d * <f32>Math.exp(<f64>load<f32>(x + at) - total));
    store<f32>(dy + at, load<f32>(dy + at) + d * <f32>Math.exp(<f64>load<f32>(y + at) - total));
  }
}
