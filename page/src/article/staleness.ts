/** Cosines of remembered keys with those of today, by age, for three rates of learning. */
import { lineChart } from "memorizing-transformer/report";
import { make } from "../element.ts";
import type { Remote } from "../engine/remote.ts";
import { chartElement, type Live } from "./live.ts";

const RATES: readonly number[] = [0.0003, 0.001, 0.003];
const STEPS: readonly number[] = [16, 32, 64];

export function drawStaleness(live: Live, remote: Remote): void {
  const show = (steps: number) =>
    live.show(async () => {
      const lines = [];
      for (const learningRate of RATES) {
        const cosines = await remote.ask("stalenessFigure", { learningRate, steps });
        lines.push({ name: `rate ${learningRate}`, points: cosines.map((cosine, age) => [age + 1, cosine] as const) });
      }
      const labels = { title: "Stored keys beside those of today", x: "age in steps of training", y: "mean cosine" };
      const oldest = lines.at(-1)!.points.at(-1)![1];
      const sentence = `At the fastest rate, the oldest keys have a cosine of ${oldest.toFixed(2)} with what the model would store today.`;
      return [chartElement(lineChart(labels, lines)), make("p", "", sentence)];
    });
  live.choice("Steps of training", STEPS, (steps) => void show(steps));
  void show(STEPS[0]);
}
