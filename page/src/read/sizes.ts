/** The slider of memory sizes, its marks, and the figures of the size that is chosen. */
import { byId, fillList, make } from "../element.ts";
import type { LiveReport } from "./live-report.ts";

/** Pairs that a head remembers, from none on. */
export const sizes: readonly number[] = [0, 128, 512, 2048, 8192, 32_768];

export class SizeSlider {
  /** Called with the size that was chosen. */
  onChoice: (size: number) => void = () => {};
  private readonly input = byId<HTMLInputElement>("size");
  private readonly ticks: readonly HTMLElement[];
  /** Whether somebody has moved it; until then it follows the reading. */
  private isMoved = false;

  constructor() {
    this.input.max = String(sizes.length - 1);
    this.ticks = sizes.map((size) => make("span", "", size.toLocaleString("en-US")));
    byId("size-ticks").replaceChildren(...this.ticks);
    this.input.addEventListener("input", () => {
      this.isMoved = true;
      this.onChoice(this.size);
    });
  }

  get size(): number {
    return sizes[Number(this.input.value)];
  }

  /** Begins a document: the first size with a memory, if the model can have one. */
  begin(hasMemory: boolean): void {
    this.isMoved = false;
    this.input.disabled = !hasMemory;
    this.input.value = hasMemory ? "1" : "0";
  }

  /** Moves on to a size that is complete, unless somebody has chosen another. Returns whether it moved. */
  follow(size: number): boolean {
    if (this.isMoved || sizes.indexOf(size) <= Number(this.input.value)) return false;
    this.input.value = String(sizes.indexOf(size));
    return true;
  }

  /** Shows the figures of the chosen size, and which sizes are read. */
  show(report: LiveReport): void {
    const { size } = this;
    const pairs = `${size.toLocaleString("en-US")} pairs${report.length <= size ? ": the whole text fits" : ""}`;
    const name = size === 0 ? "none" : pairs;
    byId("size-name").textContent = name;
    this.input.setAttribute("aria-valuetext", name);
    for (const [i, tick] of this.ticks.entries()) tick.classList.toggle("read", report.isComplete(sizes[i]));
    fillList(byId("figures"), figuresOf(report, size));
  }
}

function figuresOf(report: LiveReport, size: number): [string, string][] {
  const tokens = (report.length - 1).toLocaleString("en-US");
  const [without, totals] = [report.totals(0), report.totals(size)];
  const rows: [string, string][] = [["tokens predicted", tokens]];
  const subject = report.heads.length === 0 ? "perplexity" : "perplexity of the same model, memory switched off";
  rows.push([subject, without?.perplexity.toPrecision(4) ?? "…"]);
  if (size === 0) return rows;
  rows.push(["with this memory", totals?.perplexity.toPrecision(4) ?? "…"]);
  if (without === undefined || totals === undefined) return rows;
  const change = 100 * (Math.exp(totals.nats - without.nats) - 1);
  rows.push(["change", `${change < 0 ? "−" : "+"}${Math.abs(change).toFixed(1)} %`]);
  rows.push(["bits a byte", totals.bitsPerByte.toFixed(3)]);
  return rows;
}
