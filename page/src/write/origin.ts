/** The box that says where a written token came from: the gates, and the passages with their weights. */
import { make } from "../element.ts";
import type { WrittenToken } from "../engine/calls.ts";

export function showOrigin(box: HTMLElement, { text, gates, passages }: WrittenToken): void {
  const title = make("h3", "", "Where ", make("code", "", visible(text)), " came from");
  const list = make("ol", "pairs");
  for (const { place, head, weight, score, before, token, after } of passages) {
    const origin = `${place} · ${head} · weight ${weight.toFixed(2)} · score ${score.toFixed(2)}`;
    const quote = make("blockquote", "", before, make("mark", "", token), after);
    list.append(make("li", "", make("p", "origin", origin), quote));
  }
  const shares = gates.map(({ head, gate }) => `${head} ${gate.toFixed(2)}`).join(", ");
  const nothing = make(
    "p",
    "note",
    "Nothing was retrieved: the model wrote it from its weights and the last few words.",
  );
  box.replaceChildren(
    title,
    ...(passages.length > 0 ? [make("p", "note", `The memory's share: ${shares}`), list] : [nothing]),
  );
  box.hidden = false;
}

/** A token's text, with signs for white space. */
function visible(text: string): string {
  return text.replaceAll("\n", "⏎").replaceAll("\t", "⇥").replaceAll(" ", "␣");
}
