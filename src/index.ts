/**
 * The public API, re-exports only. Everything here runs in browsers, Deno and Node; node.ts adds the parts that need files.
 * The kernels are loaded at their first use; `ready` loads them earlier.
 */

// A model: configure it, build it, let it read and write.

export { InputError } from "./base/errors.ts";
export { ReleasedError } from "./base/lifetime.ts";
export { readSafetensors, type SafetensorsFile, type StoredTensor, writeSafetensors } from "./formats/safetensors.ts";
export { type Inspection, type InspectOptions, inspect } from "./inspect/inspect.ts";
export {
  type InspectedGenerationOptions,
  type InspectedToken,
  inspectGeneration,
  type SourcedPair,
} from "./inspect/inspected-generation.ts";
export { InspectedReading, type InspectedReadingOptions } from "./inspect/inspected-reading.ts";
export { type InspectionSummary, summarize, type TokenGroup } from "./inspect/inspection-summary.ts";
export type { RetrievedPair, RetrievedPairs } from "./inspect/retrieved-pairs.ts";
export { applyOverrides, configFields, type ModelConfig, parseConfig } from "./model/config.ts";
export {
  type GeneratedToken,
  type GenerationCallbacks,
  type GenerationOptions,
  generate,
  memorizeDocument,
  memorizeDocuments,
  type ReadingOptions,
  readDocument,
  readDocuments,
} from "./model/generate.ts";
export { type NamedFile, openModelFromFiles } from "./model/open-files.ts";
export { openModelFromUrl, type UrlOptions } from "./model/open-url.ts";
export { preset, presetNames } from "./model/presets.ts";
export { halfModelTensors, modelFromTensors, modelTensors, type WeightDtype } from "./model/pretrained.ts";
export type { ModelState } from "./model/state.ts";
export { Transformer } from "./model/transformer.ts";
export type { LanguageModel, ReadingState, StateOptions, TrainableModel, TrainingState } from "./nn/language-model.ts";
export type { OpenedForTraining, OpenedModel } from "./nn/opened-model.ts";
export type { SegmentInput } from "./nn/segment.ts";
export { Reader, type ReaderOptions } from "./reader.ts";

// Memories on their own.

export { memoryBytes } from "./memory/bytes.ts";
export { KvMemory } from "./memory/memory.ts";
export { decodeMemory, encodeMemory } from "./memory/memory-file.ts";
export type { MemoryContents, MemoryDtype, MemoryOptions, MemoryShape, SearchOptions } from "./memory/options.ts";
export type { PairTokens } from "./memory/pair-tokens.ts";
export { type MemorySnapshot, mergeSnapshots, type Remembering } from "./memory/snapshot.ts";
export type { Source, SourceTable } from "./memory/source-table.ts";
export { SourceLog } from "./memory/sources.ts";
export { type SqlClient, SqlMemory, type SqlPair } from "./memory/sql-memory.ts";
export { type Found, VectorStore, type VectorStoreOptions, type Vectors } from "./memory/vector-store.ts";

// Text, tokens, documents as rows of segments.

export { type Batch, evaluationBatches, TrainingBatches } from "./data/batches.ts";
export type { TokenizedDocument } from "./data/corpus.ts";
export { trainBpe } from "./text/bpe-trainer.ts";
export type { EncodingOptions, TextRange } from "./text/calls.ts";
export { type ChatOptions, type ChatTemplate, chatTemplate, encodePrompt, type Prompt } from "./text/chat.ts";
export type { Message, TemplateTokens } from "./text/chat-kinds.ts";
export { type GgufVocabulary, tokenizerFromGguf } from "./text/gguf-vocabulary.ts";
export { type DecodableTokens, type DecodingOptions, TokenStream, tokenTexts } from "./text/token-stream.ts";
export { byteTokenizer, type Tokenizer, tokenizerFromJson } from "./text/tokenizer.ts";
export { readTokenizerConfig, type TokenizerConfig } from "./text/tokenizer-config.ts";
export { type Word, type WordKind, wordsOfTokens } from "./text/words.ts";

// Training and evaluation.

export { type TrainingBytes, trainingBytes } from "./train/bytes.ts";
export { type EvaluateOptions, type EvaluationResult, evaluate, type TokenLoss } from "./train/evaluate.ts";
export { adafactor, adamW, clipGradients, type Optimizer } from "./train/optimizers.ts";
export { type TrainingOptions, trainingFields } from "./train/options.ts";
export { constant, cosine, rsqrt, type Schedule } from "./train/schedules.ts";
export { Trainer } from "./train/trainer.ts";

// The engine: tensors, ops, the tape.

export { add, dropout, gelu, relu, scale } from "./autodiff/ops/elementwise.ts";
export { linear, matmul } from "./autodiff/ops/matmul.ts";
export { l2Normalize, rmsNorm } from "./autodiff/ops/norm.ts";
export { softmax } from "./autodiff/ops/softmax.ts";
export { crossEntropy, embedding, MASKED } from "./autodiff/ops/vocabulary.ts";
export { backward, NotFiniteError, noGrad, step, type TapeEntry, tape, tapeTable } from "./autodiff/tape.ts";
export { type PersistentTensor, parameter, type Tensor, tensor } from "./autodiff/tensor.ts";

// The machine: heap, threads, random numbers.

export { Random } from "./base/random.ts";
export { build, type KernelBuild } from "./wasm/build.ts";
export { OutOfMemoryError } from "./wasm/heap.ts";
export { ThreadDeathError, threadCount, useThreads } from "./wasm/parallel.ts";
export { heap, ready } from "./wasm/runtime.ts";
export { type Thread, type WebWorker, webThread } from "./wasm/spawn.ts";

// Types in the signatures above.

export type { AttentionContext, PositionBias } from "./autodiff/ops/attention.ts";
export type { PrecedingKeys } from "./autodiff/ops/norm.ts";
export type { Attended, NearPairs, Neighbours } from "./autodiff/ops/retrieved.ts";
export type { CrossEntropy } from "./autodiff/ops/vocabulary.ts";
export type { Field, Range } from "./base/fields.ts";
export type { Releasable } from "./base/lifetime.ts";
export type { RandomState } from "./base/random.ts";
export type { BatchShape, EvaluationOptions, Place, TrainingBatchesState } from "./data/batches.ts";
export type { LoadProgress } from "./families/load-weights.ts";
export type { MemoryPlaces } from "./families/memory-places.ts";
export type { ForeignOptions } from "./families/open-foreign.ts";
export type { ReadingSettings } from "./families/reading-settings.ts";
export type { WeightKind } from "./families/weight-kinds.ts";
export type { Arrays } from "./formats/safetensors.ts";
export type { TensorReader } from "./formats/tensor-reader.ts";
export type { DocumentShare } from "./inspect/inspection-summary.ts";
export type { MemoryHead, Retrievals } from "./inspect/retrieval-watch.ts";
export { type MechanismName, mechanisms } from "./mechanisms/list.ts";
export type {
  AttentionMechanism,
  BlockMechanism,
  LearningLayer,
  Mechanism,
  MechanismLayer,
  MechanismParts,
  MechanismSizes,
  ReadingLayer,
  StackMechanism,
} from "./mechanisms/mechanism.ts";
export type { MechanismSettings } from "./mechanisms/settings.ts";
export type { ChosenHeads, RememberingHeads } from "./memory/chosen-heads.ts";
export type { FallbackCount } from "./memory/search/exact.ts";
export type { MemorySearch, ServedPairs } from "./memory/served/served-pairs.ts";
export type { TokenBytes } from "./memory/sources.ts";
export type { SamplingOptions } from "./model/sampling.ts";
export { type GateInputs, type GatePolicy, type Policy, policies } from "./nn/gate.ts";
export type { Declaration, ParameterBlock, ParameterGroup, Parameters } from "./nn/parameters.ts";
export type { LayerContext, LocalAttention, LocalInputs, Retrieval } from "./nn/self-attention.ts";
export type { BpeTrainingOptions } from "./text/bpe-trainer.ts";
export type { AddedToken, Model, Step, TokenizerJson } from "./text/tokenizer-json.ts";
export type { Course, SavedTraining } from "./train/course.ts";
export type { MemoryResult } from "./train/evaluation-sums.ts";
export type { GateSums } from "./train/gate-means.ts";
export type { AdafactorParameter, AdamBlock, AdamOptions } from "./train/optimizers.ts";
export type { Pass } from "./train/pass.ts";
export type { LayerRecall } from "./train/recall.ts";
export type { RowGradients, RowRange } from "./train/row-gradients.ts";
export type { RowNode } from "./train/row-sum.ts";
export type { MetricsLine, StepMetrics } from "./train/step-metrics.ts";
export type { RoundOptions } from "./train/together/round-options.ts";
export type { TrainerRecord } from "./train/trainer-record.ts";
export type { StoredNumbers } from "./wasm/half.ts";
export type { Address, Heap } from "./wasm/heap.ts";
