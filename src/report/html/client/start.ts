/** Assembles the page: the text, the panel next to it, and the token that the panel shows. */
import { DecodedReport } from "./decoded-report.ts";
import { Panel } from "./panel.ts";
import { TextView } from "./text-view.ts";

/** Elements of the page that the script fills; inspection-page.ts makes them. */
export function startReport(): void {
  const element = (id: string): HTMLElement => document.getElementById(id) as HTMLElement;
  const report = new DecodedReport(JSON.parse(element("report-data").textContent ?? ""));
  const text = new TextView(report, element("text"));
  const panel = new Panel(report, element("panel"));
  let shown: number | undefined;
  let pinned: number | undefined;

  const show = (token: number) => {
    shown = token;
    panel.show(token, token === pinned);
    text.mark("shown", [token]);
    text.mark(
      "retrieved",
      report.pairs(token).map((pair) => pair.token),
    );
  };
  const pin = (token: number | undefined) => {
    pinned = token;
    text.mark("pinned", token === undefined ? [] : [token]);
    if (shown !== undefined) show(shown);
  };
  panel.onClose = () => {
    shown = undefined;
    pin(undefined);
    panel.clear();
    for (const name of ["shown", "retrieved"]) text.mark(name, []);
  };
  text.onVisit = (token) => {
    if (pinned === undefined) show(token);
  };
  text.onPin = (token) => {
    shown = token;
    pin(token === pinned ? undefined : token);
  };

  const goToHash = () => {
    const token = /^#t(\d+)$/.exec(location.hash)?.[1];
    if (token !== undefined && Number(token) < report.length) text.goTo(Number(token));
  };
  /** Follows a link. One in the panel leads to a retrieved token, and the panel stays as it is; others choose its token. */
  document.addEventListener("click", (event) => {
    const link = event.target;
    if (!(link instanceof HTMLAnchorElement) || !link.hash.startsWith("#t")) return;
    event.preventDefault(); // the browser would not follow a link that the next line removes
    pin(element("panel").contains(link) ? shown : undefined);
    if (link.hash === location.hash) goToHash();
    else location.hash = link.hash;
  });
  document.addEventListener("keydown", ({ key }) => {
    if (key === "Escape") pin(undefined);
  });
  window.addEventListener("hashchange", goToHash);
  window.addEventListener("beforeprint", () => text.paintAll());
  goToHash();
  const { first } = element("panel").dataset;
  if (shown === undefined && first !== undefined) show(Number(first));
  document.body.dataset.ready = "true";
}
