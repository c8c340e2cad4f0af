/** The public API with files, re-exports only: index.ts, and models, checkpoints and corpora on disk. */

export {
  type DirectoryOptions,
  type Document,
  documentsFromFiles,
  documentsInDirectory,
  textOf,
  tokenizeDocuments,
} from "./data/corpus.ts";
export type { Selection } from "./data/directory.ts";
export * from "./index.ts";
export { readMemory, writeMemory } from "./memory/disk.ts";
export { withLock } from "./platform/lock.ts";
export {
  type Checkpoint,
  loadCheckpoint,
  loadModel,
  type Pretrained,
  type SaveOptions,
  saveCheckpoint,
  saveModel,
} from "./train/checkpoint.ts";
export { describeModel, type ModelDescription } from "./train/describe-model.ts";
export { type OpenOptions, openModel } from "./train/open-model.ts";
export { runTraining, type TrainingRun } from "./train/run.ts";
export { type FoundCheckpoint, newestCheckpoint } from "./train/run-directory.ts";
