/**
 * Which of two ways to multiply bytes is faster on this processor: one instruction, where it has one, or two that every
 * processor has. No program can ask a WebAssembly engine. The results are bit-identical, so the first products of many rows are
 * computed in both ways, in turn, and timed.
 */
import { build } from "../wasm/build.ts";

/** Products that are timed in each way. The engine compiles the kernels during the first ones. */
const SAMPLES = 16;
/** Products of fewer rows, or with fewer multiplications, say more about memory than about arithmetic. */
const LEAST_ROWS = 8;
const LEAST_WORK = 2e6;

type Way = "fused" | "paired";

export class FasterDots {
  private readonly times: Record<Way, number[]> = { fused: [], paired: [] };
  private known: Way | undefined;

  /** Runs a product of `n` rows that has `multiplications`, `fused` or not. */
  run(product: (fused: boolean) => void, n: number, multiplications: number): void {
    if (this.known !== undefined || n < LEAST_ROWS || multiplications < LEAST_WORK) {
      product(this.known !== "paired");
      return;
    }
    const { fused, paired } = this.times;
    const way = fused.length <= paired.length ? "fused" : "paired";
    const before = performance.now();
    product(way === "fused");
    this.times[way].push((performance.now() - before) / multiplications);
    if (paired.length === SAMPLES) this.known = median(fused) <= median(paired) ? "fused" : "paired";
  }
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[times.length >> 1];
}

/** The choice of this program. The plain build has one way only. */
export const fasterDots: Pick<FasterDots, "run"> =
  build === "relaxed" ? new FasterDots() : { run: (product) => product(false) };
