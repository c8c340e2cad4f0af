/** The loss by the share of the memory. */
import { lineChart } from "memorizing-transformer/report";
import { make } from "../element.ts";
import type { Remote } from "../engine/remote.ts";
import { chartElement, type Live } from "./live.ts";

export function drawGate(live: Live, remote: Remote): void {
  let chosen = 7;
  const asked = remote.ask("gateFigure", undefined);
  const show = () =>
    live.show(async () => {
      const { losses, learned, learnedNats } = await asked;
      const points = losses.map(({ at, nats }) => [at, nats] as const);
      const ends = [losses[0].at, losses.at(-1)!.at];
      const labels = { title: "Loss by the gate of both heads", x: "gate g", y: "nats a token" };
      const chart = lineChart(labels, [
        { name: "both heads at g", points },
        { name: "the learned gates", points: ends.map((x) => [x, learnedNats] as const) },
      ]);
      const { at, nats } = losses[chosen];
      const sentence = `With g = ${at} in both heads, the loss is ${nats.toFixed(3)} nats a token. Training had chosen ${learned.map((gate) => gate.toFixed(2)).join(" and ")}: ${learnedNats.toFixed(3)} nats.`;
      return [chartElement(chart), make("p", "", sentence)];
    });
  const format = (place: number) => (place === 0 ? "0.01" : place === 10 ? "0.99" : `0.${place}`);
  live.slider({ label: "Gate g", min: 0, max: 10, value: chosen, format }, (place) => {
    chosen = place;
    void show();
  });
  void show();
}
