/** Ends a text where one of its stop texts begins, while the text still arrives piece by piece. */

export class StopTexts {
  private readonly stops: readonly string[];
  /** The end of the text so far, as far as a stop text might begin in it. */
  private held = "";
  private found = false;

  constructor(stops: readonly string[]) {
    this.stops = stops;
  }

  /** Whether a stop text has come. */
  get ended(): boolean {
    return this.found;
  }

  /** Takes the next piece, and returns what is surely before any stop text. */
  push(piece: string): string {
    if (this.found) return "";
    const text = this.held + piece;
    const at = this.firstStop(text);
    this.found = at < text.length;
    const sure = this.found ? at : text.length - this.mayBegin(text);
    this.held = this.found ? "" : text.slice(sure);
    return text.slice(0, sure);
  }

  /** The end of the text, which was no stop text after all. */
  flush(): string {
    const rest = this.held;
    this.held = "";
    return rest;
  }

  /** Where the first stop text begins; the length of `text` if there is none. */
  private firstStop(text: string): number {
    return Math.min(text.length, ...this.stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0));
  }

  /** The length of the longest end of `text` that a stop text begins with. */
  private mayBegin(text: string): number {
    const lengths = this.stops.map((stop) => {
      let length = Math.min(stop.length - 1, text.length);
      while (!text.endsWith(stop.slice(0, length))) length--;
      return length;
    });
    return Math.max(0, ...lengths);
  }
}
