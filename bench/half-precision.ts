/**
 * An upper reference: torch with products in bfloat16, of which a processor may do many times as many as in float32. The results differ
 * by a percent or so, and these kernels compute in float32 only, so nobody competes here.
 */
import type { Case, Family, Problem } from "./family.ts";
import { ffn } from "./ffn.ts";
import { matmul } from "./matmul.ts";
import { step } from "./step.ts";

/** bfloat16 has 8 bits of precision. */
const TOLERANCE = 0.1;

const sources: readonly Family[] = [matmul, ffn, step];

function upper({ name, cases: [first] }: Family): Case {
  return { ...first, shape: `${name}: ${first.shape}`, tolerance: TOLERANCE, only: ["ours", "torch-bf16"] };
}

export const halfPrecision: Family = {
  name: "bf16",
  question: "Upper reference, not a contest: what do native products in half the precision take?",
  cases: sources.map(upper),
  ours: { ours: (problem: Problem) => sourceOf(problem).ours.ours(problem) },
  peers: ["torch-bf16"],
};

function sourceOf({ op }: Problem): Family {
  return sources.find(({ cases: [first] }) => first.op === op) as Family;
}
