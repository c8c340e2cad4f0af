/** `--memory-at`: a memory that others serve, which a command looks up besides its own. */
import { InputError } from "../base/errors.ts";
import type { ServedMemory } from "../memory/served/served-memory.ts";
import { Transformer } from "../model/transformer.ts";
import type { LanguageModel } from "../nn/language-model.ts";
import type { ProgressLine } from "../report/progress.ts";
import { flag, givenOf, integer, optionName, text } from "./arguments/options.ts";
import { UsageError } from "./arguments/usage.ts";
import { clusterOptions, requireExchange } from "./cluster-options.ts";

/** Seconds for which a shard that does not answer is waited for. */
const PATIENCE = 30;

export const servedOptions = {
  memoryAt: text(
    "URL|DIR",
    'memory that "memorizing memory serve" serves there; it is looked up besides the command\'s own',
  ),
  bestEffort: flag("goes on without those parts of it that do not answer, and says which share was searched"),
  patience: integer(`seconds that a part of it is waited for [${PATIENCE}]`, 1, 3600),
  credentials: clusterOptions.credentials,
};

interface ServedValues {
  readonly memoryAt: string | undefined;
  readonly bestEffort: boolean;
  readonly patience: number | undefined;
  readonly credentials: string | undefined;
  /** The file of `--load`. */
  readonly load: string | undefined;
}

/** Connects to the memory of `--memory-at` for as long as `work` takes; without that option, `work` gets undefined. */
export async function withServed<T>(
  { memoryAt, load, ...reaching }: ServedValues,
  model: LanguageModel,
  progress: ProgressLine,
  work: (served: ServedMemory | undefined) => Promise<T>,
): Promise<T> {
  if (memoryAt === undefined) {
    const [surplus] = Object.keys(givenOf(reaching)).filter((key) => key !== "bestEffort" || reaching.bestEffort);
    if (surplus === undefined) return work(undefined);
    throw new UsageError(`${optionName(surplus)} is about the memory of --memory-at, which must be given with it`);
  }
  const { bestEffort, patience = PATIENCE, credentials } = reaching;
  if (load !== undefined)
    throw new UsageError("--memory-at and --load both say what was read before; give one of them");
  if (!(model instanceof Transformer)) {
    throw new InputError("--memory-at: a model that others trained cannot look up a memory that is served; use --load");
  }
  requireExchange(memoryAt, "its servers");
  const { openServedMemory } = await import("../memory/served/open-served.ts"); // with the client of NATS
  const options = { model: model.fingerprint(), patience: 1000 * patience, bestEffort };
  const { served, close } = await openServedMemory(memoryAt, options, credentials);
  if (served.length === 0) progress.note(`the memory at ${memoryAt} has no pairs, so nothing is looked up there`);
  try {
    const result = await work(served);
    if (served.searched < 1) {
      progress.end();
      progress.note(`parts of the memory did not answer: at least ${share(served.searched)} of its keys were searched`);
    }
    return result;
  } finally {
    await close();
  }
}

/** A share in percent, rounded down, so that it is not 100 % unless all is there. */
function share(part: number): string {
  return `${(Math.floor(1000 * part) / 10).toFixed(1)} %`;
}
