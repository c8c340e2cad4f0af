/** Positions of a segment's rows: where each begins, in a table with a line for every position. */
import { check, instance } from "../../base/check.ts";
import { InputError } from "../../base/errors.ts";

const somePositions = instance(Int32Array, "an Int32Array of positions");

/** @throws InputError if `positions` are not `rows` first positions, of which each row's `segment` tokens are below `count` */
export function requirePositions(op: string, positions: Int32Array, rows: number, segment: number, count: number) {
  check("positions", positions, somePositions);
  if (positions.length !== rows) {
    throw new InputError(`${op}: got ${positions.length} positions for ${rows} rows; each row needs its first one`);
  }
  const outside = positions.find((first) => first < 0 || first + segment > count);
  if (outside === undefined) return;
  throw new InputError(`${op}: ${segment} tokens from position ${outside} on do not fit a table of ${count} positions`);
}
