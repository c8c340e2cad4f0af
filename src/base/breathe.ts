/**
 * Lets timers, signals and other callers run in the midst of long synchronous work, such as training. Work calls it as
 * often as it likes; only now and then does it cost anything.
 */
const PATIENCE_MS = 30;

let last = performance.now();

/** Waits for one turn of the event loop, if the last one is a while ago. */
export async function breathe(): Promise<void> {
  if (performance.now() - last < PATIENCE_MS) return;
  await new Promise((resolve) => setTimeout(resolve, 0));
  last = performance.now();
}
