/** The loss of a name by the distance to where it stood before. */
import { lineChart } from "memorizing-transformer/report";
import { make } from "../element.ts";
import type { Remote } from "../engine/remote.ts";
import { chartElement, type Live, oneIn } from "./live.ts";

const NAMES: readonly string[] = ["quartzLantern", "kelvinProbe", "marbleOtter"];

export function drawWindow(live: Live, remote: Remote): void {
  const show = (name: string) =>
    live.show(async () => {
      const rows = await remote.ask("windowFigure", { name });
      const labels = {
        title: `Surprise at the rest of the name ${name}`,
        x: "tokens since it stood there before",
        y: "nats a token",
      };
      const chart = lineChart(
        labels,
        [
          { name: "with memory", points: rows.map(({ distance, nats }) => [distance, nats] as const) },
          { name: "without", points: rows.map(({ distance, natsWithout }) => [distance, natsWithout] as const) },
        ],
        true,
      );
      const { distance, nats, natsWithout } = rows.at(-1)!;
      const sentence = `${distance.toLocaleString("en-US")} tokens later, the model gives the right token a chance of ${oneIn(natsWithout)} without its memory and ${oneIn(nats)} with it.`;
      return [chartElement(chart), make("p", "", sentence)];
    });
  live.choice("Name", NAMES, (name) => void show(name));
  void show(NAMES[0]);
}
