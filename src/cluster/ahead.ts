/** Several requests on their way at once, so that a distant exchange is limited by its bandwidth and not by its latency. */

/** Requests on their way at once: as blocks 2 MiB, which fill 100 Mbit/s over more than 100 ms. */
export const AHEAD = 4;

/** Yields what `work` makes of each item, in their order, while `AHEAD` of them are worked on. When it ends, no work goes on. */
export async function* ahead<T, R>(items: Iterable<T>, work: (item: T) => Promise<R>): AsyncGenerator<R> {
  const begun: Promise<R>[] = [];
  try {
    for (const item of items) {
      const result = work(item);
      result.catch(() => {}); // thrown when its turn comes
      begun.push(result);
      if (begun.length === AHEAD) yield await begun.shift()!;
    }
    while (begun.length > 0) yield await begun.shift()!;
  } finally {
    await Promise.allSettled(begun);
  }
}
