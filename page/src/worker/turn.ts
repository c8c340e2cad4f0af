/** Turns of the worker's event loop, in which it hears the page. A timer would wait 4 ms each time; a message to oneself does not. */
const channel = new MessageChannel();
const waiting: (() => void)[] = [];
channel.port1.onmessage = () => waiting.shift()?.();

/** Work goes on for so long before the page is heard. */
const PATIENCE_MS = 30;
let last = performance.now();

/** Lets messages of the page in, if the last turn is a while ago. Throws the signal's reason after an abort. */
export async function turn(signal: AbortSignal): Promise<void> {
  if (performance.now() - last >= PATIENCE_MS) {
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      channel.port2.postMessage(0);
    });
    last = performance.now();
  }
  signal.throwIfAborted();
}
