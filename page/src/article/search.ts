/** The recall of four searches, by the effort that a reader chooses. */
import { lineChart } from "memorizing-transformer/report";
import { make } from "../element.ts";
import type { Recall } from "../engine/figures.ts";
import type { Remote } from "../engine/remote.ts";
import { chartElement, type Live, percent, table } from "./live.ts";

/** K */
const TOPK = 32;
/** Buckets for each of the K neighbours, and lists of 64 that are scanned. */
const EFFORTS: readonly number[] = [1, 2, 4, 8, 16, 32];

export function drawSearch(live: Live, remote: Remote): void {
  let chosen = 2;
  const asked = remote.ask("searchFigure", { topk: TOPK });
  const show = () =>
    live.show(async () => {
      const { keys, queries, recalls } = await asked;
      const effort = EFFORTS[chosen];
      const shown = recalls.filter((recall) => recall.effort === 0 || recall.effort === effort);
      const remark = `${queries} queries, each with its ${TOPK} true neighbours among ${keys.toLocaleString("en-US")} keys. The dots are the neighbours of the first query, best first; an empty one was missed.`;
      return [
        table(
          ["Search", "Recall", "Neighbours of one query"],
          shown.map((recall) => [recall.search, percent(recall.recall), dots(recall)]),
        ),
        make("p", "note", remark),
        chartElement(chartOf(recalls)),
      ];
    });
  const format = (place: number) => `${EFFORTS[place]} buckets a neighbour, ${EFFORTS[place]} of 64 lists`;
  live.slider({ label: "Effort", min: 0, max: EFFORTS.length - 1, value: chosen, format }, (place) => {
    chosen = place;
    void show();
  });
  void show();
}

function dots({ found }: Recall): HTMLElement {
  const element = make("span", "dots", found.map((isFound) => (isFound ? "●" : "○")).join(""));
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", `${found.filter(Boolean).length} of ${found.length} found`);
  return element;
}

/** (N/K) (1 − (1 − 1/N)^K) with N buckets: the recall of bucketed search if neighbours are placed at random. */
function expected(effort: number): number {
  const buckets = effort * TOPK;
  return effort * (1 - (1 - 1 / buckets) ** TOPK);
}

function chartOf(recalls: readonly Recall[]) {
  const line = (search: Recall["search"]) => ({
    name: search,
    points: recalls
      .filter((each) => each.search === search)
      .map(({ effort, recall }) => [effort, 100 * recall] as const),
  });
  const formula = { name: "bucketed, by the formula", points: EFFORTS.map((e) => [e, 100 * expected(e)] as const) };
  const labels = { title: "Recall by effort", x: "buckets a neighbour, or lists of 64", y: "% found" };
  return lineChart(labels, [line("bucketed"), line("inverted"), formula], true);
}
