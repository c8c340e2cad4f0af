/** RMSNorm and L2 normalisation against their definitions, at row widths around the vector width. */
import { rmsNorm } from "../../src/autodiff/ops/norm.ts";
import { checkOp } from "../gradcheck.ts";
import { suite } from "../harness.ts";

const test = suite("norm ops");

/** x · rsqrt(mean(x²) + eps) · scale. */
function rmsNormOracle(x: Float64Array, scale: Float64Array): Float64Array {
  const width = scale.length;
  return x.map((value, i) => {
    const row = x.subarray(i - (i % width), i - (i % width) + width);
    const meanSquare = row.reduce((sum, element) => sum + element * element, 0) / width;
    return (value / Math.sqrt(meanSquare + 1e-6)) * scale[i % width];
  });
}

for (const [rows, width] of [
  [1, 1],
  [3, 2],
  [2, 3],
  [5, 4],
  [1, 5],
  [4, 7],
  [3, 8],
  [2, 9],
  [1, 31],
  [2, 33],
]) {
  test(`rmsNorm matches its definition and its gradients for ${rows} rows of ${width}`, () => {
    checkOp({ shapes: [[rows, width], [width]], op: (x, scale) => rmsNorm(x, scale), oracle: rmsNormOracle });
  });
}
