/** The cosines of one query with all stored keys, and the passages of the nearest. */
import { type Bar, barChart } from "memorizing-transformer/report";
import { make } from "../element.ts";
import type { Remote } from "../engine/remote.ts";
import { chartElement, type Live, passageElement } from "./live.ts";

const BINS = 20;
const HEADS: readonly number[] = [0, 1];
/** Tokens of the segment among which a reader chooses, and the first to be shown. */
const LAST = 127;
const FIRST = 60;

export function drawDirections(live: Live, remote: Remote): void {
  const chosen = { token: FIRST, head: 0 };
  const show = () =>
    live.show(async () => {
      const { text, cosines, nearest } = await remote.ask("directionsFigure", { ...chosen });
      const labels = { title: "Stored keys by their cosine with the query", x: "cosine", y: "keys" };
      const found = nearest.map((key) =>
        make("li", "", make("span", "note", `cosine ${key.cosine.toFixed(2)} · ${key.place}`), passageElement(key)),
      );
      return [
        make("p", "", "The query of the marked token:"),
        passageElement(text),
        chartElement(barChart(labels, histogram(cosines), 2)),
        make("p", "", "The five nearest keys, best first:"),
        make("ol", "near", ...found),
      ];
    });
  const slider = { label: "Token", min: 1, max: LAST, value: FIRST, format: (token: number) => `${token + 1} of 128` };
  live.slider(slider, (token) => {
    chosen.token = token;
    void show();
  });
  live.choice("Head", HEADS, (head) => {
    chosen.head = head;
    void show();
  });
  void show();
}

/** Counts of cosines, from the tenth below the least to 1. */
function histogram(cosines: Float32Array): Bar[] {
  const least = Math.floor(10 * cosines.reduce((a, b) => Math.min(a, b))) / 10;
  const width = (1 - least) / BINS;
  const counts = new Array<number>(BINS).fill(0);
  for (const cosine of cosines) counts[Math.min(BINS - 1, Math.floor((cosine - least) / width))]++;
  return counts.map((value, bin) => {
    const from = (least + bin * width).toFixed(2).replace("-", "−");
    return { label: from, value, detail: `from ${from}: ${value} keys` };
  });
}
