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
export type { ExportDtype } from "./families/export-types.ts";
export type { LearningPart } from "./families/offsets-file.ts";
export * from "./index.ts";
export { readMemory, writeMemory } from "./memory/disk.ts";
export { withLock } from "./platform/lock.ts";
export {
  type Checkpoint,
  loadAnyCheckpoint,
  loadCheckpoint,
  loadModel,
  type Pretrained,
  type SaveOptions,
  saveCheckpoint,
  saveModel,
} from "./train/checkpoint.ts";
export { describeModel, type ModelDescription } from "./train/describe-model.ts";
export { type ExportOptions, type ExportResult, modelExport } from "./train/export-model.ts";
export { type OpenOptions, openModel, openModelForTraining } from "./train/open-model.ts";
export { runTraining, type TrainingRun } from "./train/run.ts";
export { type FoundCheckpoint, newestAnyCheckpoint, newestCheckpoint } from "./train/run-directory.ts";
