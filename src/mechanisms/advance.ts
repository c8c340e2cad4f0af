/** States that every token changes: what the next tokens find, and the place where a forward pass leaves it. */
import { kernels } from "../wasm/runtime.ts";
import type { MechanismLayer } from "./mechanism.ts";

/** The place where a forward pass leaves the state called `name`. */
export function nextName(name: string): string {
  return `next.${name}`;
}

/** The shapes of a row's states, for each of them twice. */
export function carriedTwice(shapes: Readonly<Record<string, readonly number[]>>) {
  return Object.fromEntries(
    Object.entries(shapes).flatMap(([name, shape]) => [
      [name, shape],
      [nextName(name), shape],
    ]),
  );
}

/** The tokens are read: what the pass left is what the next ones find. */
export function advance(...names: string[]): (layer: MechanismLayer) => void {
  return ({ carried }) => {
    for (const name of names) {
      const state = carried(name);
      kernels.move(state.ptr, carried(nextName(name)).ptr, state.size * 4);
    }
  };
}
