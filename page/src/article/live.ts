/** A live figure: its controls, and what was computed for their present settings. */
import { type Chart, figure } from "memorizing-transformer/report";
import { make, makeButton } from "../element.ts";

/** Labels of a slider, and its steps. */
export interface SliderOptions {
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly value: number;
  /** The words for a place of the slider. */
  readonly format: (value: number) => string;
}

export class Live {
  private readonly controls = make("div", "row");
  private readonly shown = make("div", "shown");
  /** The number of the last computation that was asked for; older ones are not shown. */
  private asked = 0;

  /** Puts itself at the beginning of `root`, before what is written there. */
  constructor(root: HTMLElement) {
    this.shown.setAttribute("role", "status");
    this.shown.append(make("p", "note", "The model computes this figure."));
    root.prepend(this.controls, this.shown);
  }

  /** Shows what `compute` returns, unless something else is asked for meanwhile. */
  async show(compute: () => Promise<readonly (string | Node)[]>): Promise<void> {
    const own = ++this.asked;
    this.shown.setAttribute("aria-busy", "true");
    const content = await compute().catch((error: Error) => [
      make("p", "", error.message),
      makeButton("Compute it again", () => void this.show(compute)),
    ]);
    if (own !== this.asked) return;
    this.shown.replaceChildren(...content);
    this.shown.setAttribute("aria-busy", "false");
  }

  /** Adds a slider. `onInput` is called while it moves. */
  slider({ label, min, max, value, format }: SliderOptions, onInput: (value: number) => void): void {
    const input = make("input");
    Object.assign(input, { type: "range", min: String(min), max: String(max), step: "1", value: String(value) });
    const output = make("output");
    const say = () => {
      output.textContent = format(Number(input.value));
      input.setAttribute("aria-valuetext", output.textContent);
    };
    input.addEventListener("input", () => {
      say();
      onInput(Number(input.value));
    });
    say();
    this.controls.append(make("label", "slider", make("span", "", `${label}: `, output), input));
  }

  /** Adds a choice of one of several values. */
  choice<T extends string | number>(label: string, values: readonly T[], onChoice: (value: T) => void): void {
    const select = make("select");
    select.append(...values.map((value) => new Option(value.toLocaleString("en-US"))));
    select.addEventListener("change", () => onChoice(values[select.selectedIndex]));
    this.controls.append(make("label", "", `${label} `, select));
  }
}

/** A chart as an element. Every text in it was escaped by the chart. */
export function chartElement(chart: Chart): HTMLElement {
  const around = make("template");
  around.innerHTML = figure(chart);
  return around.content.firstElementChild as HTMLElement;
}

/** A table with a head. */
export function table(head: readonly string[], rows: readonly (readonly (string | Node)[])[]): HTMLElement {
  const cells = (name: "th" | "td", row: readonly (string | Node)[]) =>
    make("tr", "", ...row.map((cell) => make(name, "", cell)));
  const whole = make(
    "table",
    "",
    make("thead", "", cells("th", head)),
    make("tbody", "", ...rows.map((row) => cells("td", row))),
  );
  const around = make("div", "scroll", whole);
  around.tabIndex = 0; // a keyboard can scroll it
  around.setAttribute("role", "group");
  around.setAttribute("aria-label", head.join(", "));
  return around;
}

/** A passage with its token marked. */
export function passageElement({
  before,
  token,
  after,
}: {
  before: string;
  token: string;
  after: string;
}): HTMLElement {
  return make("blockquote", "", before, make("mark", "", token), after);
}

/** The probability of a loss, in words. */
export function oneIn(nats: number): string {
  return `one in ${Number(Math.exp(nats).toPrecision(2)).toLocaleString("en-US")}`;
}

/** A share in percent. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
