/**
 * The text in the page: parts of whole lines, plain at first. When a part comes near the window, each of its tokens becomes
 * a coloured element. A frame paints for a few milliseconds at most, however many parts wait. One token is the current one;
 * arrow keys move it. A report that grows says so to `recolour`.
 */
import { levelOf, type ShownReport } from "./shown-report.ts";

interface Part {
  readonly first: number;
  readonly end: number;
  readonly element: HTMLElement;
  painted: boolean;
  /** Whether it is near the window, where colours must be right. */
  near: boolean;
  /** Whether its colours are those of now. */
  fresh: boolean;
}

/**
 * The first token of each part of a text, and the one after its last. Parts have at least `least` tokens and end with a line; one that would
 * have more than `most` is broken.
 */
export function partBounds(
  text: Pick<ShownReport, "text" | "length" | "end">,
  least: number,
  most: number,
): [number, number][] {
  const bounds: [number, number][] = [];
  for (let first = 0; first < text.length; first = bounds[bounds.length - 1][1]) {
    const last = Math.min(first + most, text.length);
    let end = Math.min(first + least, text.length);
    while (end < last && text.text[text.end(end - 1) - 1] !== "\n") end++;
    bounds.push([first, end]);
  }
  return bounds;
}

/** Shows a text token by token. */
export class TextView {
  /** Called with the token under the pointer or the keyboard. */
  onVisit: (token: number) => void = () => {};
  /** Called with a token that was clicked or chosen with Enter. */
  onPin: (token: number) => void = () => {};
  private readonly report: ShownReport;
  private readonly parts: readonly Part[];
  /** Token that the Tab key leads to. */
  private current = 0;
  /** Parts near the window that are to be painted. */
  private readonly waiting = new Set<Part>();
  /** Whether the next frame paints. */
  private scheduled = false;
  private marks: readonly [className: string, tokens: readonly number[]][] = [];

  /** Shows `report` in `root`. */
  constructor(report: ShownReport, root: HTMLElement) {
    this.report = report;
    this.parts = partBounds(report, 128, 1000).map(([first, end], number) => this.part(first, end, number));
    root.replaceChildren(...this.parts.map(({ element }) => element));
    const nearWindow = new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries) {
          const part = this.parts[Number((target as HTMLElement).dataset.part)];
          part.near = isIntersecting;
          if (isIntersecting) this.waiting.add(part);
        }
        this.schedule();
      },
      { rootMargin: "50% 0px" },
    );
    for (const { element } of this.parts) nearWindow.observe(element);
    root.addEventListener("pointerover", ({ target }) => this.withToken(target, (token) => this.onVisit(token)));
    root.addEventListener("click", ({ target }) => this.withToken(target, (token) => this.click(token)));
    root.addEventListener("focusin", ({ target }) => this.withToken(target, (token) => this.onVisit(token)));
    root.addEventListener("keydown", (event) => this.press(event));
    this.makeCurrent(0);
  }

  /** Scrolls to the token and puts the keyboard on it. */
  goTo(token: number): void {
    this.makeCurrent(token);
    this.element(token).scrollIntoView({ block: "center" });
    this.element(token).focus({ preventScroll: true });
  }

  /** Gives a class to these tokens only. */
  mark(className: string, tokens: readonly number[]): void {
    const before = this.marks.find(([name]) => name === className)?.[1] ?? [];
    this.marks = [...this.marks.filter(([name]) => name !== className), [className, tokens]];
    for (const token of before) this.paintedElement(token)?.classList.remove(className);
    for (const token of tokens) this.paintedElement(token)?.classList.add(className);
  }

  /** Gives tokens from `from` to `to` the colours that they have now. Parts far from the window get them when they come near. */
  recolour(from: number, to: number): void {
    for (const part of this.parts) {
      if (part.end <= from || part.first >= to) continue;
      part.fresh = false;
      if (part.near) this.waiting.add(part);
    }
    this.schedule();
  }

  /** Gives all tokens their colours, as before printing. */
  paintAll(): void {
    for (const part of this.parts) this.paint(part);
  }

  /** Has the next frame paint, if parts wait. */
  private schedule(): void {
    if (this.scheduled || this.waiting.size === 0) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.paintWaiting();
      this.schedule();
    });
  }

  /** Paints parts that wait, for a third of a frame at most: the browser still has to lay them out. */
  private paintWaiting(): void {
    const end = performance.now() + 5;
    for (const part of this.waiting) {
      if (performance.now() > end) return;
      this.waiting.delete(part);
      if (part.near) this.paint(part);
    }
  }

  /** A part with the tokens from `first` to before `end`, still plain. */
  private part(first: number, end: number, number: number): Part {
    const element = document.createElement("div");
    const characters = this.report.end(end - 1) - this.report.begin(first);
    const lines = Math.max(this.report.line(end - 1) - this.report.line(first) + 1, Math.ceil(characters / 80));
    element.dataset.part = String(number);
    element.style.setProperty("--lines", String(lines));
    element.textContent = this.report.text.slice(this.report.begin(first), this.report.end(end - 1));
    return { first, end, element, painted: false, near: false, fresh: false };
  }

  /** Makes an element of each token, and gives all of them their colours. */
  private paint(part: Part): void {
    if (part.painted && part.fresh) return;
    const tokens = Array.from({ length: part.end - part.first }, (_, i) => part.first + i);
    if (!part.painted) part.element.replaceChildren(...tokens.map((token) => this.tokenElement(token)));
    for (const token of tokens) this.colour(part.element.children[token - part.first], token);
    part.painted = true;
    part.fresh = true;
  }

  /** The element of a token, not yet coloured. */
  private tokenElement(token: number): HTMLElement {
    const element = document.createElement("span");
    element.id = `t${token}`;
    element.textContent = this.report.textOf(token);
    return element;
  }

  /** Gives an element the classes of its token. */
  private colour(element: Element, token: number): void {
    const level = levelOf(this.report.gain(token));
    const names = this.marks.filter(([, tokens]) => tokens.includes(token)).map(([name]) => name);
    if (level !== 0) names.unshift(level > 0 ? `gain-${level}` : `harm-${-level}`);
    const className = names.join(" ");
    if (element.className !== className) element.className = className;
  }

  /** The part that a token is in; undefined for one that was read before the document. */
  private partOf(token: number): Part | undefined {
    return this.parts.find(({ first, end }) => first <= token && token < end);
  }

  /** The element of a token, if there is one. */
  private paintedElement(token: number): HTMLElement | undefined {
    const part = this.partOf(token);
    return part?.painted ? (part.element.children[token - part.first] as HTMLElement) : undefined;
  }

  /** The element of a token, which is made if there is none. */
  private element(token: number): HTMLElement {
    const part = this.partOf(token) ?? this.parts[0];
    this.paint(part);
    return part.element.children[token - part.first] as HTMLElement;
  }

  /** Calls `use` with the token of an element, if it is one. */
  private withToken(target: EventTarget | null, use: (token: number) => void): void {
    const id = target instanceof HTMLElement ? target.id : "";
    if (/^t\d+$/.test(id)) use(Number(id.slice(1)));
  }

  /** Makes a token the current one, and pins it. */
  private click(token: number): void {
    this.makeCurrent(token);
    this.element(token).focus({ preventScroll: true });
    this.onPin(token);
  }

  /** Moves with arrow keys, and pins with Enter or a space. */
  private press(event: KeyboardEvent): void {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const moves: Partial<Record<string, () => number>> = {
      ArrowRight: () => this.neighbour(this.current, 1),
      ArrowLeft: () => this.neighbour(this.current, -1),
      ArrowDown: () => this.inNextLine(1),
      ArrowUp: () => this.inNextLine(-1),
    };
    const move = moves[event.key];
    if (event.key === "Enter" || event.key === " ") this.onPin(this.current);
    else if (move === undefined) return;
    else this.moveTo(move());
    event.preventDefault();
  }

  /** Makes a token the current one, and shows it. */
  private moveTo(token: number): void {
    this.makeCurrent(token);
    this.element(token).focus({ preventScroll: true });
    this.element(token).scrollIntoView({ block: "nearest" });
  }

  /** Returns the next token in the direction that has characters of its own, or the same token if there is none. */
  private neighbour(token: number, direction: 1 | -1): number {
    for (let next = token + direction; next >= 0 && next < this.report.length; next += direction) {
      if (this.report.textOf(next) !== "") return next;
    }
    return token;
  }

  /** Returns the token below or above the current one, in the next line of text that has one. */
  private inNextLine(direction: 1 | -1): number {
    const from = this.element(this.current).getClientRects()[0];
    const distance = (box: DOMRect) => Math.abs(box.left - from.left);
    let best = this.current;
    let bestBox: DOMRect | undefined;
    for (let token = this.current, next = this.neighbour(token, direction); next !== token; ) {
      token = next;
      next = this.neighbour(token, direction);
      const box = this.element(token).getClientRects()[0];
      if (box === undefined || Math.abs(box.top - from.top) < from.height / 2) continue;
      if (bestBox !== undefined && Math.abs(box.top - bestBox.top) > from.height / 2) break;
      if (bestBox === undefined || distance(box) < distance(bestBox)) [best, bestBox] = [token, box];
    }
    return best;
  }

  /** Makes a token the one that the Tab key leads to, and tells screen readers what it is. */
  private makeCurrent(token: number): void {
    const before = this.element(this.current);
    for (const name of ["tabindex", "role", "aria-label"]) before.removeAttribute(name);
    this.current = token;
    const element = this.element(token);
    element.tabIndex = 0;
    element.setAttribute("role", "button");
    element.setAttribute("aria-label", `token ${token + 1}: ${JSON.stringify(this.report.textOf(token))}`);
  }
}
