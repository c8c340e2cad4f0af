/** The tape of the memory layer: which ops hand gradients on, and which one does not. */
import { make } from "../element.ts";
import type { Remote } from "../engine/remote.ts";
import { type Live, table } from "./live.ts";

/** What the ops compute, in their order. */
const RESULTS: readonly string[] = [
  "queries",
  "projected keys",
  "keys",
  "keys, each with the one before",
  "values",
  "answer of local attention",
  "neighbours in the memory",
  "answer of the memory",
  "gate, before σ",
  "blend of both answers",
  "output",
];

export function drawGradients(live: Live, remote: Remote): void {
  void live.show(async () => {
    const { ops, gate, before, after } = await remote.ask("gradientsFigure", undefined);
    const rows = ops.map(({ op, gradient, passes }, i) => [
      make("code", "", op),
      RESULTS[i] ?? "",
      gradient === undefined ? "none" : gradient.toPrecision(2),
      passes ? "yes" : "no, it ends here",
    ]);
    const slopes = gate.map((slope) => slope.toFixed(4).replace("-", "−")).join(" and ");
    return [
      table(["Op", "Makes", "Gradient that came back", "Passes it on"], rows),
      make("p", "", `The gates of the two heads do learn: their slopes are ${slopes}.`),
      make(
        "p",
        "",
        `The stored values matter for the loss: negate them all, and it goes from ${before.toFixed(3)} to ${after.toFixed(3)} nats. Still no gradient goes to them.`,
      ),
    ];
  });
}
