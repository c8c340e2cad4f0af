/** The slots of a small ring, and what is in them after so many tokens. */
import { make } from "../element.ts";
import type { Slot } from "../engine/figures.ts";
import type { Remote } from "../engine/remote.ts";
import type { Live } from "./live.ts";

export function drawRing(live: Live, remote: Remote): void {
  const chosen = { size: 12, count: 22 };
  const show = () =>
    live.show(async () => {
      const slots = await remote.ask("ringFigure", { ...chosen });
      const visible = slots.filter((slot) => slot.visible).length;
      const gone = chosen.count - visible;
      const sentence = `${chosen.count} tokens were read. A query can find the newest ${visible}; ${gone} are forgotten.`;
      return [make("ol", "slots", ...slots.map(slotElement)), make("p", "", sentence)];
    });
  live.slider({ label: "Tokens read", min: 0, max: 60, value: chosen.count, format: String }, (count) => {
    chosen.count = count;
    void show();
  });
  live.slider({ label: "Size M", min: 1, max: 24, value: chosen.size, format: String }, (size) => {
    chosen.size = size;
    void show();
  });
  void show();
}

function slotElement({ serial, text, visible }: Slot): HTMLElement {
  if (serial < 0) return make("li", "empty", make("span", "note", "empty"));
  const state = visible ? "visible" : "forgotten";
  const number = `${serial}${visible ? "" : ", forgotten"}`;
  return make("li", state, make("code", "", JSON.stringify(text).slice(1, -1)), make("span", "note", number));
}
