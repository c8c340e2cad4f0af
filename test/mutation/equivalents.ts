/**
 * Mutants that were found to be the same program for a reason which no compiler sees, so that no test could notice them. They are
 * passed over. An entry says why nothing that the program promises depends on it.
 */
import type { Mutant } from "./mutants.ts";

interface Equivalent {
  readonly file: string;
  /** The broken line, without its indentation. */
  readonly after: string;
  readonly why: string;
}

const EQUIVALENTS: readonly Equivalent[] = [
  {
    file: "assembly/ops/dropout.ts",
    after: "const passed = v128.and(loadPartial(dy, tail, 1), kept(index, first, second, threshold));",
    why: "what fills the lanes behind the end is not stored",
  },
  {
    file: "assembly/search/lists.ts",
    after: "const HEADER_BYTES: i32 = 65;",
    why: "it only moves what follows; WebAssembly also reads at odd addresses",
  },
  {
    file: "assembly/ops/matmul.ts",
    after: "memory.fill(to, 1, <usize>depth * step);",
    why: "zeros only fill panels up to whole tiles, and what is computed of them is thrown away",
  },
  {
    file: "assembly/search/quantised.ts",
    after: "const again = QUERY_BLOCK * (width + 3 * k) << 2;",
    why: "it is more scratch space than needed",
  },
  {
    file: "assembly/search/quantised.ts",
    after: "const MOST_TOPK: i32 = 193;",
    why: "beyond it keys are searched in f32, with the same result",
  },
  {
    file: "assembly/search/quantised-scan.ts",
    after: "if (!v128.any_true(v128.or(v128.or(r0, r1), v128.or(r2, r3)))) return 1;",
    why: "a row is looked at that has nothing above its bar, and nothing of it is taken",
  },
  {
    file: "assembly/search/quantised-scan.ts",
    after: "const r0 = reach16(c01, c00, v128.load32_splat(bars)), r1 = reach16(c10, c11, v128.load32_splat(bars, 4));",
    why: "whether one of both reaches the bar, in any order",
  },
  {
    file: "assembly/ops/norm.ts",
    after: "sum += dot(scratch, k + at, width) - dot(previous, scratch, width);",
    why: "an inner product is the same either way round, to the last bit",
  },
  {
    file: "src/autodiff/ops/attention.ts",
    after: "const scratchBytes = kernels.attention_scratch_bytes(length, width * heads);",
    why: "it is more scratch space than needed",
  },
  {
    file: "src/autodiff/ops/retrieved.ts",
    after: "const scratchBytes = (width * heads + topk) * 4;",
    why: "it is more scratch space than needed",
  },
  {
    file: "src/autodiff/ops/norm.ts",
    after: "(channels / heads) * 5,",
    why: "it is more scratch space than needed",
  },
  {
    file: "src/memory/search/quantised.ts",
    after: "return kernels.quantised_width(this.ring.width) * 5;",
    why: "it is more scratch space than needed",
  },
  {
    file: "src/memory/sources.ts",
    after: "private nextByte = 1;",
    why: "the begin of a document sets it before it is read",
  },
  {
    file: "src/memory/sources.ts",
    after: "private nextIndex = 1;",
    why: "the begin of a document sets it before it is read",
  },
  {
    file: "src/memory/sources.ts",
    after: "for (let n = split; n <= columns.document.length; n++) columns.document[n] += shift;",
    why: "a typed array ignores what is written behind its end",
  },
];

/** Whether the mutant is known to be the same program. */
export function isEquivalent({ file, after }: Mutant): boolean {
  return EQUIVALENTS.some((known) => known.file === file && known.after === after.trim());
}
