/** The gate's policies compared: one model for each line of nn/gate.ts. "Change one thing" in ARCHITECTURE.md adds one. */
import { GATE_POLICIES } from "../nn/gate.ts";
import type { Cell, Experiment } from "./lab/experiment.ts";
import { gatesTable, measureScales } from "./lab/gates-and-scales.ts";
import { EVAL_TOKENS, MEMORY, smeared, withMemory, withXl, xl } from "./lab/recipe.ts";
import { lowerBy, perplexityTable } from "./lab/reporting.ts";

const reference = smeared(xl);
const gated: readonly Cell[] = GATE_POLICIES.map((policy) => ({
  ...smeared(withXl(withMemory(MEMORY, policy))),
  measure: measureScales,
}));

export const gates: Experiment = {
  name: "gates",
  summary: "every policy of the gate: the paper's, joint softmax, a gate that depends on the token",
  title: "How much of the answer should come from the memory?",
  paper:
    "The paper's section 3.1 has one learned number a head, and says that a gate that depends on the token would be a trivial " +
    "extension. It did not find that necessary.",
  cells: [reference, ...gated],
  evalTokens: EVAL_TOKENS,
  report: (results) => ({
    question: `Models with a memory of ${MEMORY} and an XL cache differ only in where the gate comes from. Does it matter?`,
    findings: results.corpora.flatMap((corpus) =>
      gated.map(({ name }) => lowerBy(results, corpus, name, reference.name, 0)),
    ),
    parts: [
      perplexityTable("Test perplexity", results, [reference, ...gated], reference.name),
      ...results.corpora.map((corpus) => gatesTable(results, corpus, gated)),
    ],
  }),
};
