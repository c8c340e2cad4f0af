/** The article: computes each of its figures when a reader comes near it. */
import type { Remote } from "../engine/remote.ts";
import { drawCache } from "./cache.ts";
import { drawDirections } from "./directions.ts";
import { drawGate } from "./gate.ts";
import { drawGradients } from "./gradients.ts";
import { drawGrowth } from "./growth.ts";
import { Live } from "./live.ts";
import { drawRing } from "./ring.ts";
import { drawSearch } from "./search.ts";
import { drawStaleness } from "./staleness.ts";
import { drawWindow } from "./window.ts";
import { drawWords } from "./words.ts";

/** The figures by the names that index.html gives them. */
const figures: Readonly<Record<string, (live: Live, remote: Remote) => void>> = {
  window: drawWindow,
  directions: drawDirections,
  ring: drawRing,
  search: drawSearch,
  gate: drawGate,
  gradients: drawGradients,
  staleness: drawStaleness,
  growth: drawGrowth,
  words: drawWords,
  cache: drawCache,
};

export function startArticle(remote: Remote): void {
  const observer = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      observer.unobserve(target);
      const root = target as HTMLElement;
      figures[root.dataset.figure!](new Live(root), remote);
    }
  });
  for (const root of document.querySelectorAll("[data-figure]")) observer.observe(root);
}
