/** Serving: the files of a process become segments of the memory at an exchange, and it answers for those that it holds, as long as the manifest has them. */
import { step } from "../../autodiff/tape.ts";
import { InputError } from "../../base/errors.ts";
import { nameOf } from "../../cluster/blocks.ts";
import type { Exchange } from "../../cluster/exchange.ts";
import { appendSegments, type Manifest, readManifest } from "../../cluster/memory/manifest.ts";
import type { Transport } from "../../cluster/memory/transport.ts";
import { pause } from "../../cluster/pause.ts";
import { memoryFileAt } from "../disk.ts";
import { decodeMemory, encodeMemory } from "../memory-file.ts";
import type { MemorySnapshot } from "../snapshot.ts";
import { segmentsOf } from "./cut.ts";
import { subjectOf } from "./served-memory.ts";
import { Shard } from "./shard.ts";

/** Milliseconds between two looks at the manifest. */
const LOOKS = 1000;

export interface ServedFiles {
  /** Paths of saved memories, in the order in which they are appended. */
  readonly files: readonly string[];
  /** Pairs of a segment. */
  readonly segmentPairs: number;
  /** Of `count` processes that serve the same files, this is number `index`, from 0; each holds every `count`-th segment. */
  readonly share: { readonly index: number; readonly count: number };
}

export interface Served {
  /** Fingerprint of the model that made the pairs. */
  readonly model: string;
  readonly shard: Shard;
}

/**
 * Appends the files to the memory of their model, where they are not yet, and holds this process's share of their segments.
 * @throws InputError if they do not fit together, are forgotten, or do not fit into the heap
 */
export async function holdFiles(exchange: Exchange, { files, segmentPairs, share }: ServedFiles): Promise<Served> {
  let served: Served | undefined;
  let manifest: Manifest | undefined;
  let next = 0;
  for (const file of files) {
    const bytes = memoryFileAt(file);
    const snapshot = decodeMemory(bytes, file);
    const model = modelOf(snapshot);
    served ??= { model, shard: new Shard(snapshot) };
    if (model !== served.model)
      throw new InputError(`${file} was made by the model ${model}, the files before it by ${served.model}`);
    const segments = Array.from(segmentsOf(snapshot, segmentPairs), (segment) => ({
      name: nameOf(encodeMemory(segment)),
      pairs: segment.length,
      file,
    }));
    const shape = { ...snapshot, layers: [...snapshot.layers.keys()].sort((a, b) => a - b) };
    await appendSegments(exchange, model, shape, nameOf(bytes), segments);
    manifest = await readManifest(exchange, model);
    const listed = new Set(manifest?.segments.map(({ name }) => name));
    if (!segments.some(({ name }) => listed.has(name))) throw new InputError(notServed(file, exchange.name));
    let index = 0;
    for (const segment of segmentsOf(snapshot, segmentPairs)) {
      const { name } = segments[index++];
      if (next++ % share.count === share.index && listed.has(name)) served.shard.hold(name, segment);
    }
  }
  if (served === undefined || manifest === undefined) throw new InputError("there is no memory to serve");
  served.shard.follow(manifest);
  return served;
}

/** Answers until `signal` aborts. `onChange` is told how many pairs are served, at first and whenever that changes. */
export async function serve(
  exchange: Exchange,
  transport: Transport,
  { model, shard }: Served,
  { signal, onChange }: { readonly signal: AbortSignal; readonly onChange?: (pairs: number) => void },
): Promise<void> {
  const answer = (message: Uint8Array) => step(() => shard.answer(message));
  await transport.listen([subjectOf(model), subjectOf(model, shard.server)], answer);
  let told: number | undefined;
  while (!signal.aborted) {
    if (told !== shard.pairs) onChange?.(shard.pairs);
    told = shard.pairs;
    await pause(LOOKS, signal);
    transport.requireListening();
    const manifest = await readManifest(exchange, model);
    if (manifest !== undefined) shard.follow(manifest);
  }
}

/** The model that made a memory. @throws InputError if it cannot be served */
function modelOf({ name, model, length, chosen }: MemorySnapshot): string {
  if (model === undefined)
    throw new InputError(`${name} was made by no model, so no model could read it where it is served`);
  if (chosen !== undefined)
    throw new InputError(
      `${name} has pairs of some heads only; memories of models that others trained cannot be served`,
    );
  if (length === 0) throw new InputError(`${name} holds no pairs, so there is nothing to serve`);
  return model;
}

function notServed(file: string, place: string): string {
  return `${place} had ${file} before, and has none of its segments now: they were forgotten, or cut with another --segment`;
}
