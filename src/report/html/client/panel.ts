/** The panel next to the text: everything known about one token, and the pairs retrieved for its prediction. */
import type { Excerpt } from "../../inspected-text.ts";
import type { ShownPair, ShownReport } from "./shown-report.ts";

/** Shows everything known about one token. */
export class Panel {
  /** Called when somebody closes it. */
  onClose: () => void = () => {};
  private readonly report: ShownReport;
  private readonly root: HTMLElement;
  /** What is in it while no token is shown. */
  private readonly empty: readonly Node[];

  /** Shows tokens of `report` in `root`. */
  constructor(report: ShownReport, root: HTMLElement) {
    this.report = report;
    this.root = root;
    this.empty = [...root.childNodes];
  }

  /** Shows what was there before any token. */
  clear(): void {
    this.root.replaceChildren(...this.empty);
  }

  /** Shows a token; `pinned` says that it stays. */
  show(token: number, pinned: boolean): void {
    const pairs = this.report.pairs(token);
    const nothing = this.node("p", "note", this.whyNone(token));
    this.root.replaceChildren(
      this.heading(token, pinned),
      ...(token === 0 ? [] : [this.losses(token)]),
      ...(pairs.length === 0 ? [nothing] : [this.gates(token), this.list(token, pairs)]),
    );
  }

  /** Why there are no pairs. */
  private whyNone(token: number): string {
    if (token === 0) return "The first token is not predicted.";
    return Number.isNaN(this.report.nats[token])
      ? "The model has not read this token with this memory."
      : this.report.whyNone;
  }

  /** The token, and its place. */
  private heading(token: number, pinned: boolean): HTMLElement {
    const heading = this.node("h3");
    const place = `token ${(token + 1).toLocaleString("en-US")}, ${this.report.place(token)}${pinned ? ", pinned" : ""}`;
    heading.append(this.closer(), this.visible(this.report.textOf(token)), this.node("small", "", place));
    return heading;
  }

  /** A button that closes the panel, for small windows, where it lies on the text. */
  private closer(): HTMLElement {
    const button = this.node("button", "close", "×");
    button.setAttribute("type", "button");
    button.setAttribute("aria-label", "Close");
    button.addEventListener("click", () => this.onClose());
    return button;
  }

  /** Probabilities and losses with and without memory. */
  private losses(token: number): HTMLElement {
    const { nats, natsWithout } = this.report;
    const gain = this.report.gain(token);
    const list = this.node("dl", "losses");
    for (const [name, loss] of [
      ["without memory", natsWithout[token]] as const,
      ["with memory", nats[token]] as const,
    ]) {
      if (Number.isNaN(loss)) {
        list.append(this.node("dt", "", name), this.node("dd", "", "not read"));
        continue;
      }
      const probability = `${(100 * Math.exp(-loss)).toPrecision(3)} %`;
      const value = this.node("dd", "", `${probability} `);
      value.append(this.bar(Math.exp(-loss)), this.node("small", "", `${loss.toFixed(2)} nats`));
      list.append(this.node("dt", "", name), value);
    }
    if (Number.isNaN(natsWithout[token] - nats[token])) return list;
    const verdict = `${gain < 0 ? "−" : "+"}${Math.abs(gain).toFixed(2)} nats`;
    list.append(this.node("dt", "", "gain"), this.node("dd", gain < 0 ? "harm-text" : "gain-text", verdict));
    return list;
  }

  /** The gate of each head. */
  private gates(token: number): HTMLElement {
    const details = this.node("details");
    const list = this.node("dl", "losses");
    for (const [i, gate] of this.report.gates(token).entries()) {
      const value = this.node("dd", "", `${gate.toFixed(2)} `);
      value.append(this.bar(gate));
      list.append(this.node("dt", "", this.report.heads[i]), value);
    }
    details.append(this.node("summary", "", "Gates: the memory's share in each head"), list);
    return details;
  }

  /** The retrieved pairs. */
  private list(token: number, pairs: readonly ShownPair[]): HTMLElement {
    const list = this.node("ol", "pairs");
    for (const pair of pairs) {
      const item = this.node("li");
      item.append(this.origin(token, pair), this.bar(pair.weight), this.quote(this.report.excerpt(pair.token, 90)));
      list.append(item);
    }
    const section = this.node("section");
    section.append(this.node("h4", "", "Retrieved, in context"), list);
    return section;
  }

  /** `line 12, 345 tokens back · layer 2 head 1 · weight 0.31 · score 0.87`; a line of this document is a link. */
  private origin(token: number, { head, token: of, weight, score }: ShownPair): HTMLElement {
    const origin = this.node("p", "origin");
    const place = this.node(of < 0 ? "span" : "a", "", this.report.place(of));
    if (place instanceof HTMLAnchorElement) place.href = `#t${of}`;
    const back = of < 0 ? "" : `, ${(token - 1 - of).toLocaleString("en-US")} tokens back`;
    origin.append(place, `${back} · ${head} · weight ${weight.toFixed(2)} · score ${score.toFixed(2)}`);
    return origin;
  }

  /** A passage with its token marked. */
  private quote({ before, token, after }: Excerpt): HTMLElement {
    const quote = this.node("blockquote");
    quote.append(before, this.node("mark", "", token), after);
    return quote;
  }

  /** A bar that is filled to a part of its length, 0 to 1. */
  private bar(part: number): HTMLElement {
    const bar = this.node("span", "bar");
    bar.style.setProperty("--part", part.toFixed(3));
    return bar;
  }

  /** A token's text, with signs for white space. */
  private visible(text: string): HTMLElement {
    return this.node("code", "", text.replaceAll("\n", "⏎").replaceAll("\t", "⇥").replaceAll(" ", "␣"));
  }

  /** A new element. */
  private node(name: string, className = "", text = ""): HTMLElement {
    const element = document.createElement(name);
    if (className !== "") element.className = className;
    element.textContent = text;
    return element;
  }
}
