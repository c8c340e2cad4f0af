/** Prints the float32 error of every op: `npm run test:numbers`. Exits with 1 if a bound is exceeded, as the suite does. */
import process from "node:process";
import { formatTable } from "../../src/report/table.ts";
import { build } from "../../src/wasm/build.ts";
import { cases } from "./cases.ts";
import { measure } from "./measure.ts";

const rows = cases.flatMap(measure);
const lines = rows.map(({ op, shape, of, relative, ulps, bound }) => {
  return [op, shape, of, relative.toExponential(1), ulps.toFixed(2), `≤ ${bound}`];
});
console.log(`Errors of float32 (${build} kernels) against double precision, relative to the largest true value:`);
console.log(formatTable([["op", "shapes", "of", "relative", "ulps", "bound"], ...lines], "left"));
const broken = rows.filter(({ ulps, bound }) => ulps > bound);
for (const { op, of } of broken) console.log(`${op}: the error of the ${of} is beyond its bound`);
process.exitCode = broken.length === 0 ? 0 : 1;
