/**
 * The quick tier, `npm run test:quick`: something of every room, in seconds, for the time between two edits. It leaves out what
 * trains for long, starts many processes or reads thousands of spoilt files; only the whole suite says that all is well.
 */
export const QUICK: readonly string[] = [
  // kernels and ops, against oracles and central differences
  "autodiff/attention",
  "autodiff/elementwise",
  "autodiff/embedding",
  "autodiff/loss",
  "autodiff/matmul",
  "autodiff/norm",
  "autodiff/blend",
  "autodiff/retrieved",
  "autodiff/softmax",
  "autodiff/tape",
  "wasm/heap",
  // the memory and its searches
  "memory/memory.",
  "memory/search/quantised",
  "memory/snapshot",
  // the model, against the golden files; how it is trained
  "model/golden",
  "model/state",
  "train/optimizers",
  "train/schedules",
  // readers, and files that are to be refused
  "formats/safetensors",
  "model/config",
  "text/tokenizer-json",
  "text/words",
  "data/text-file",
  "memory/memory-file",
  "hostile/files",
  "formats/json",
  // the command line, as a process of its own
  "cli/model-config",
];
