/**
 * The lines of metrics.jsonl as a chain of blocks in the exchange: each names the one before. So whoever leads the training next can write the
 * lines of a run that was lost.
 */
import { InputError } from "../../base/errors.ts";
import { isBlockName } from "../../cluster/blocks.ts";
import type { Exchange } from "../../cluster/exchange.ts";
import { parseJson } from "../../formats/json.ts";
import type { MetricsLine } from "../step-metrics.ts";

/** Lines of one block, which they are far from filling. */
const MOST_LINES = 500;

export class History {
  private readonly exchange: Exchange;
  /** Lines up to this step are in the chain, or were never to be. */
  private readonly covered: number;
  private last: string | null;
  private lines: MetricsLine[] = [];

  /** `last`: name of the chain's last block, which has the lines up to step `covered`; null begins a chain. */
  constructor(exchange: Exchange, last: string | null, covered: number) {
    this.exchange = exchange;
    this.last = last;
    this.covered = covered;
  }

  keep(line: MetricsLine): void {
    if (line.step > this.covered) this.lines.push(line);
  }

  /** Puts what was kept since the last time, and resolves to the name of the chain's last block. */
  async put(): Promise<string | null> {
    while (this.lines.length > 0) {
      const block = { before: this.last, lines: this.lines.splice(0, MOST_LINES) };
      this.last = await this.exchange.put(new TextEncoder().encode(JSON.stringify(block)));
    }
    return this.last;
  }

  /** The lines of the chain after step `step`, in their order. */
  async after(step: number): Promise<MetricsLine[]> {
    const blocks: MetricsLine[][] = [];
    for (let name = this.last; name !== null; ) {
      const { before, lines } = await this.block(name);
      blocks.push(lines.filter((line) => line.step > step));
      name = lines.some((line) => line.step <= step) ? null : before;
    }
    return blocks.toReversed().flat();
  }

  /** @throws InputError if it is not one that this program wrote */
  private async block(name: string): Promise<{ readonly before: string | null; readonly lines: MetricsLine[] }> {
    const text = new TextDecoder().decode(await this.exchange.get(name));
    const { before, lines } = Object(parseJson(text, `the metrics ${name} are not JSON`));
    const isLine = (line: unknown) => Number.isSafeInteger(Object(line).step);
    if (Array.isArray(lines) && lines.every(isLine) && (before === null || isBlockName(before))) {
      return { before, lines };
    }
    throw new InputError(`the metrics ${name} are not what this program writes`);
  }
}
