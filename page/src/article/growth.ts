/** Perplexity by the size of the memory, of a model that was never trained with more. */
import { lineChart } from "memorizing-transformer/report";
import { make } from "../element.ts";
import type { Remote } from "../engine/remote.ts";
import { chartElement, type Live } from "./live.ts";

export function drawGrowth(live: Live, remote: Remote): void {
  void live.show(async () => {
    const [none, ...others] = await remote.ask("growthFigure", undefined);
    const points = others.map(({ at, nats }) => [at, Math.exp(nats)] as const);
    const [first, last] = [points[0], points.at(-1)!];
    const level = [first[0], last[0]].map((x) => [x, Math.exp(none.nats)] as const);
    const labels = { title: "Perplexity by size of memory", x: "pairs of memory", y: "perplexity" };
    const lines = [
      { name: "with memory", points },
      { name: "without", points: level },
    ];
    const sentence = `The same weights and the same tokens: perplexity ${Math.exp(none.nats).toFixed(1)} without a memory, ${first[1].toFixed(1)} with ${first[0]} pairs, ${last[1].toFixed(1)} with ${last[0].toLocaleString("en-US")}.`;
    return [chartElement(lineChart(labels, lines, true)), make("p", "", sentence)];
  });
}
