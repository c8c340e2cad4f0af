/**
 * T5's relative position bias: a table with one number per head and bucket, spread out by distance before attention and
 * gathered again after its backward. TypeScript (src/nn/positions.ts) decides which distance falls into which bucket.
 */

/**
 * bias [heads, length], reversed: the bias of distance n is at length − 1 − n, so that a row of scores reads it forwards.
 * table [heads, buckets]; bucketOf [length] (i32) is the bucket of each distance.
 */
export function position_bias_forward(
  bias: usize, table: usize, bucketOf: usize, heads: i32, length: i32, buckets: i32,
): void {
  for (let head = 0; head < heads; head++, table += buckets << 2, bias += length << 2) {
    for (let n = 0; n < length; n++) {
      store<f32>(bias + ((length - 1 - n) << 2), load<f32>(table + (load<i32>(bucketOf + (n << 2)) << 2)));
    }
  }
}

/**
 * Sums the gradients that attention_backward wrote per unit (unit = row · heads + head): dtable [heads, buckets] += Σ dbias by bucket, and
 * dscale [heads] += sign(scale) · (Σ dscaleUnit + Σ dbias · bias / |scale|). dtable is 0 without a table, dscale if the scale is
 * a constant.
 */
export function position_bias_backward(
  dtable: usize, dscale: usize, dbias: usize, dscaleUnit: usize, bias: usize, scale: usize, bucketOf: usize,
  rows: i32, heads: i32, length: i32, buckets: i32,
): void {
  for (let unit = 0; unit < rows * heads; unit++, dbias += length << 2) {
    const head = unit % heads;
    const biasOfHead = bias + ((head * length) << 2);
    let biasSum: f64 = 0;
    for (let n = 0; n < length; n++) {
      const at = (length - 1 - n) << 2;
      const d = load<f32>(dbias + at);
      biasSum += <f64>d * load<f32>(biasOfHead + at);
      if (!dtable) continue;
      const y = dtable + ((head * buckets + load<i32>(bucketOf + (n << 2))) << 2);
      store<f32>(y, load<f32>(y) + d);
    }
    const s = load<f32>(scale + (head << 2));
    if (s == 0 || !dscale) continue;
    const sum: f32 = load<f32>(dscaleUnit + (unit << 2)) + <f32>(biasSum / abs<f64>(s));
    const y = dscale + (head << 2);
    store<f32>(y, load<f32>(y) + (s > 0 ? sum : -sum));
  }
}
