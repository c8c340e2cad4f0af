/** The text and the panel beside it: which token is shown, which one stays, and the way along a link to a retrieved passage. */
import { Panel, TextView } from "memorizing-transformer/report";
import { byId, make } from "../element.ts";
import type { Details } from "../engine/calls.ts";
import type { LiveReport } from "./live-report.ts";

/** Asks what was found for a token with a size of memory. */
export type Ask = (size: number, token: number) => Promise<Details>;

/** Windows in which the panel is a sheet at the bottom, as the styles have it. */
const SMALL = matchMedia("(max-width: 60rem)");

export class TokenPanel {
  private readonly report: LiveReport;
  private readonly ask: Ask;
  private readonly view: TextView;
  private readonly panel: Panel;
  private shown: number | undefined;
  /** Whether somebody has chosen a token, or closed the panel. */
  private begun = false;
  private pinned: number | undefined;

  /** Shows `report` in the page. */
  constructor(report: LiveReport, ask: Ask) {
    this.report = report;
    this.ask = ask;
    const text = make("div", "text");
    text.id = "text";
    text.setAttribute("role", "group");
    text.setAttribute("aria-label", "The document, token by token");
    byId("text-root").replaceChildren(text);
    const panel = byId("panel");
    panel.replaceChildren(
      make(
        "p",
        "note",
        "Point at a token, or go there with Tab and the arrow keys; a click or Enter keeps it, a second one lets it go.",
      ),
    );
    this.view = new TextView(report, text);
    this.panel = new Panel(report, panel);
    this.view.onVisit = (token) => {
      if (this.pinned === undefined) this.show(token);
    };
    this.view.onPin = (token) => {
      this.pin(token === this.pinned ? undefined : token);
      this.show(token);
    };
    this.panel.onClose = () => this.close();
    panel.onclick = (event) => this.follow(event);
    text.addEventListener("keydown", ({ key }) => {
      if (key === "Escape") this.pin(undefined);
    });
  }

  /** Gives tokens their present colours. */
  recolour(from: number, to: number): void {
    this.view.recolour(from, to);
  }

  /** Gives all tokens their colours, as before printing. */
  recolourAll(): void {
    this.view.paintAll();
  }

  /** Shows the present token, or the present suggestion, for another size of memory. */
  refresh(): void {
    const token = this.suggestion ?? this.shown;
    if (token !== undefined) this.open(token);
  }

  /** Opens the token that gained most, unless somebody has chosen one. */
  suggest(): void {
    const token = this.suggestion;
    if (token !== undefined && token !== this.shown) this.open(token);
  }

  /** The token that gained most, until somebody chooses one. In a small window the panel lies on the text, and nothing is suggested. */
  private get suggestion(): number | undefined {
    return this.begun || SMALL.matches ? undefined : this.report.best;
  }

  /** Shows a token that somebody has chosen. */
  private show(token: number): void {
    this.begun = true;
    this.open(token);
  }

  private open(token: number): void {
    const isSuggested = token === this.suggestion;
    this.shown = token;
    const { size } = this.report;
    void this.ask(size, token)
      .then((details) => {
        if (this.shown !== token || this.report.size !== size) return;
        this.report.addDetails(size, token, details);
        this.panel.show(token, token === this.pinned);
        if (isSuggested && !this.begun) byId("panel").prepend(make("p", "suggested", "The word that gained most"));
        this.view.mark("shown", [token]);
        this.view.mark(
          "retrieved",
          details.pairs.map((pair) => pair.token),
        );
      })
      .catch(() => {}); // another text is read now
  }

  private close(): void {
    this.begun = true;
    this.shown = undefined;
    this.pin(undefined);
    this.panel.clear();
    for (const name of ["shown", "retrieved"]) this.view.mark(name, []);
  }

  private pin(token: number | undefined): void {
    this.pinned = token;
    this.view.mark("pinned", token === undefined ? [] : [token]);
  }

  /** Goes to a retrieved passage and keeps the panel as it is. */
  private follow(event: MouseEvent): void {
    const link = event.target;
    if (!(link instanceof HTMLAnchorElement) || !/^#t\d+$/.test(link.hash)) return;
    event.preventDefault();
    this.pin(this.shown);
    this.view.goTo(Number(link.hash.slice(2)));
  }
}
