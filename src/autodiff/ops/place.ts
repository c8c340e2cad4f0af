/** Tensors that are written part by part, by a computation that reads the parts before. */
import { kernels } from "../../wasm/runtime.ts";
import { record } from "../tape.ts";
import { gradient, type Tensor } from "../tensor.ts";

/**
 * Writes x to place n of `all` [B, N, C]: x has B · C numbers. Nothing may have read that place before. Backward, after that of all who read
 * it later: dx = dall[:, n].
 */
export function place(all: Tensor, n: number, x: Tensor): void {
  const [rows, places, width] = all.shape;
  const flows = all.requiresGrad;
  const each = (body: (row: number, at: number) => void) => {
    for (let row = 0; row < rows; row++) body(row * width * 4, (row * places + n) * width * 4);
  };
  each((from, at) => kernels.move(all.ptr + at, x.ptr + from, width * 4));
  record("place", all, [x], (dall) =>
    each((from, at) => kernels.add_in_place(gradient(x) + from, dall + at, 0, width)),
  );
  all.requiresGrad ||= flows;
}
