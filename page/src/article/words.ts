/** Gains by kind of word, and the tokens that gained most. */
import { barChart } from "memorizing-transformer/report";
import { make } from "../element.ts";
import type { Remote } from "../engine/remote.ts";
import { chartElement, type Live, oneIn, passageElement } from "./live.ts";

export function drawWords(live: Live, remote: Remote): void {
  void live.show(async () => {
    const { kinds, most } = await remote.ask("wordsFigure", undefined);
    const bars = kinds.map(({ kind, tokens, nats, natsWithout }) => {
      const value = natsWithout - nats;
      return { label: kind, value, detail: `${kind}: ${value.toFixed(2)} nats a token, over ${tokens}` };
    });
    const labels = { title: "Gain from the memory by kind of word", x: "kind of word", y: "nats a token" };
    const found = most.map((token) =>
      make(
        "li",
        "",
        make("span", "note", `${oneIn(token.natsWithout)} without memory, ${oneIn(token.nats)} with it`),
        passageElement(token),
      ),
    );
    return [
      chartElement(barChart(labels, bars)),
      make("p", "", "The tokens that gained most:"),
      make("ol", "near", ...found),
    ];
  });
}
