/** Opens a memory that others serve at an exchange. */
import { InputError } from "../../base/errors.ts";
import { BlockingAsker } from "../../cluster/memory/blocking-asker.ts";
import { readManifest, servedModels } from "../../cluster/memory/manifest.ts";
import { openExchange } from "../../cluster/open-exchange.ts";
import { ServedMemory, type ServedMemoryOptions } from "./served-memory.ts";

/** @throws InputError if the exchange cannot be reached, or serves no memory of that model */
export async function openServedMemory(
  place: string,
  options: ServedMemoryOptions,
  credentials?: string,
): Promise<{ readonly served: ServedMemory; readonly close: () => Promise<void> }> {
  const exchange = await openExchange(place, { credentials });
  try {
    const manifest = await readManifest(exchange, options.model);
    if (manifest === undefined) {
      const others = await servedModels(exchange);
      const known = others.length === 0 ? "none at all" : `only of ${others.join(", ")}`;
      throw new InputError(`${exchange.name} serves no memory of this model, ${options.model}, but ${known}`);
    }
    const asker = await BlockingAsker.open(place, exchange.name, options.model, credentials);
    return { served: new ServedMemory(asker, manifest, options), close: () => asker.close() };
  } finally {
    await exchange.close();
  }
}
