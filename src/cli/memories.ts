/** Memories as commands take and leave them: the file of `--load`, a state that begins with it, the file of `--save`. */
import { InputError } from "../base/errors.ts";
import { writeMemory } from "../memory/disk.ts";
import type { ServedPairs } from "../memory/served/served-pairs.ts";
import { type MemorySnapshot, restoreSnapshot, takeSnapshot } from "../memory/snapshot.ts";
import type { LanguageModel, ReadingState } from "../nn/language-model.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { modelDirectory } from "../train/model-directory.ts";
import { isForeign } from "../train/open-model.ts";
import { type Option, text } from "./arguments/options.ts";

/** The memory sizes of an evaluation when no others are given: none, and the model's own. */
export function defaultMemorySizes({ memoryLayers, memorySize }: LanguageModel): number[] {
  return memoryLayers.length > 0 && memorySize > 0 ? [0, memorySize] : [0];
}

export function loadOption(about: string): Option<string | undefined> {
  return text("FILE", `memory that "memorizing read" saved; ${about}`);
}

/**
 * A state of one row that logs sources and has `known` in its memory, which has `size` pairs (default: the size of `known`). It looks up
 * `served` pairs as well.
 */
export function stateWith(
  known: MemorySnapshot | undefined,
  model: LanguageModel,
  tokenizer: Tokenizer,
  size: number | undefined,
  served?: ServedPairs,
): ReadingState {
  const state = model.newState({ rows: 1, memorySize: size ?? known?.size, tokenizer, served });
  if (known !== undefined && state.memories.size === 0) {
    state.release();
    throw new InputError(
      `${known.name} has pairs to remember, but the model is to have no memory; leave one of them out`,
    );
  }
  if (known !== undefined) restoreSnapshot(state, 0, known);
  return state;
}

/** Refuses a state that has nothing to save, before work is spent on it. */
export function requireMemory(state: ReadingState, directory: string): void {
  if (state.memories.size > 0) return;
  const layers = isForeign(modelDirectory(directory))
    ? "heads that remember, such as those of --memory-layers all,"
    : "memory_layers,";
  throw new InputError(`${directory} has no memory to save: it needs ${layers} and a memory size above 0`);
}

/** Ends the document and writes what `state` remembers to `path`, unless `require` throws when all is written. */
export function saveMemory(
  path: string,
  state: ReadingState,
  model: LanguageModel,
  require?: () => void,
): MemorySnapshot {
  state.endDocument();
  const snapshot = takeSnapshot(state, 0, model.fingerprint());
  writeMemory(path, snapshot, require);
  return snapshot;
}
