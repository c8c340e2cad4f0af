/** Perplexity by the share of the neural cache, beside the memory. */
import { lineChart } from "memorizing-transformer/report";
import { make } from "../element.ts";
import type { Questions } from "../engine/calls.ts";
import type { Remote } from "../engine/remote.ts";
import { chartElement, type Live } from "./live.ts";

type Probabilities = Questions["cacheFigure"]["answer"];

/** Shares of the cache, in tenths. */
const TENTHS: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

export function drawCache(live: Live, remote: Remote): void {
  let chosen = 3;
  const asked = remote.ask("cacheFigure", undefined);
  const show = () =>
    live.show(async () => {
      const found = await asked;
      const line = (name: string, of: Float32Array) => ({
        name,
        points: TENTHS.map((tenth) => [tenth / 10, mixed(of, found, tenth / 10)] as const),
      });
      const labels = { title: "Perplexity by the share of the cache", x: "share λ of the cache", y: "perplexity" };
      const lines = [line("with memory", found.memory), line("without memory", found.model)];
      const at = (of: Float32Array, share: number) => mixed(of, found, share).toFixed(1);
      const sentence = `Perplexity ${at(found.model, 0)} alone, ${at(found.memory, 0)} with the memory. With λ = 0.${chosen} for the cache: ${at(found.model, chosen / 10)} in place of the memory, ${at(found.memory, chosen / 10)} beside it.`;
      return [chartElement(lineChart(labels, lines)), make("p", "", sentence)];
    });
  const format = (tenth: number) => (tenth / 10).toFixed(1);
  live.slider({ label: "Share λ of the cache", min: 0, max: 9, value: chosen, format }, (tenth) => {
    chosen = tenth;
    void show();
  });
  void show();
}

/** exp of the mean −ln((1 − λ) p + λ p_cache). */
function mixed(of: Float32Array, { cache }: Probabilities, share: number): number {
  const sum = of.reduce((total, p, i) => total - Math.log((1 - share) * p + share * cache[i]), 0);
  return Math.exp(sum / of.length);
}
