/** The text and the panel beside it: which token is shown, which one stays, and the way along a link to a retrieved passage. */
import { Panel, TextView } from "memorizing-transformer/report";
import { byId, make } from "../element.ts";
import type { Details } from "../engine/calls.ts";
import type { LiveReport } from "./live-report.ts";

/** Asks what was found for a token with a size of memory. */
export type Ask = (size: number, token: number) => Promise<Details>;

export class TokenPanel {
  private readonly report: LiveReport;
  private readonly ask: Ask;
  private readonly view: TextView;
  private readonly panel: Panel;
  private shown: number | undefined;
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
      make("p", "note", "Point at a token, or go there with Tab and the arrow keys; a click or Enter keeps it."),
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
    panel.onclick = (event) => this.follow(event);
    text.addEventListener("keydown", ({ key }) => {
      if (key === "Escape") this.pin(undefined);
    });
  }

  /** Gives tokens their present colours. */
  recolour(from: number, to: number): void {
    this.view.recolour(from, to);
  }

  /** Shows the present token anew, for another size of memory. */
  refresh(): void {
    if (this.shown !== undefined) this.show(this.shown);
  }

  /** Opens a token as if somebody had chosen it, unless one is open. `choose` returns undefined if there is none. */
  suggest(choose: () => number | undefined): void {
    const token = this.shown === undefined ? choose() : undefined;
    if (token !== undefined) this.show(token);
  }

  private show(token: number): void {
    this.shown = token;
    const { size } = this.report;
    void this.ask(size, token)
      .then((details) => {
        if (this.shown !== token || this.report.size !== size) return;
        this.report.addDetails(size, token, details);
        this.panel.show(token, token === this.pinned);
        this.view.mark("shown", [token]);
        this.view.mark(
          "retrieved",
          details.pairs.map((pair) => pair.token),
        );
      })
      .catch(() => {}); // another text is read now
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
