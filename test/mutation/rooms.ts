/**
 * Which files are broken, room by room, and which tests are asked whether they notice: names of test files or folders, as
 * `run.ts` takes them, those first that are about the file. Tests that wait, kill or watch the clock are not among them.
 */
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";

export interface Room {
  readonly name: string;
  /** Files to break, seen from the project's root. */
  readonly files: readonly string[];
  /** Filters of test files for one of them. */
  testsOf(file: string): readonly string[];
}

/** Whole models: they use nearly everything, and are asked last. */
const MODELS = ["model/golden", "model/properties", "model/state"];
const SEARCHES = ["memory/memory.", "memory/float16", "memory/large"];

const KERNEL_TESTS: Record<string, readonly string[]> = {
  attention: ["autodiff/attention", "numbers/"],
  "attention-head": ["autodiff/attention", "numbers/"],
  bucketed: ["memory/search/bucketed", "memory/float16"],
  contenders: ["memory/search/quantised", "memory/float16"],
  dropout: ["autodiff/dropout"],
  elementwise: ["autodiff/elementwise", "wasm/ranges", "numbers/", "autodiff/tape", "train/optimizers"],
  features: ["autodiff/features", "wasm/ranges"],
  "interval-attention": ["autodiff/interval-attention"],
  "interval-attention-backward": ["autodiff/interval-attention"],
  inverted: ["memory/search/inverted", "memory/search/renewals"],
  kmeans: ["memory/search/inverted", "memory/search/renewals"],
  "linear-attention": ["autodiff/linear-attention"],
  "linear-attention-backward": ["autodiff/linear-attention"],
  "linear-head": ["autodiff/linear-attention"],
  lists: ["memory/search/inverted", "memory/search/renewals"],
  lookup: ["memory/memory.", "memory/search/quantised", "memory/search/inverted"],
  matmul: ["autodiff/matmul", "numbers/", "memory/memory."],
  norm: ["autodiff/norm", "wasm/ranges", "numbers/"],
  optimizers: ["train/optimizers", "wasm/ranges"],
  "pool-blocks": ["autodiff/pool-blocks"],
  probes: ["memory/search/inverted", "memory/search/renewals"],
  rounding: ["memory/search/quantised", "memory/float16"],
  quantised: ["memory/search/quantised", "memory/float16"],
  "quantised-scan": ["memory/search/quantised", "memory/float16"],
  blend: ["autodiff/blend", "numbers/"],
  retrieved: ["autodiff/retrieved", "numbers/"],
  "scale-heads": ["autodiff/scale-heads"],
  storage: ["wasm/half", "memory/memory.", "memory/snapshot", "memory/float16"],
  vocabulary: ["autodiff/vocabulary", "numbers/"],
  simd: ["autodiff/", "memory/memory.", "train/optimizers", "wasm/ranges", "memory/search/quantised"],
  softmax: ["autodiff/softmax", "autodiff/attention", "numbers/"],
  expiring: ["autodiff/expiring"],
  lstm: ["autodiff/lstm"],
  exact: [...SEARCHES, "memory/vector-store"],
};

const READER_TESTS: Record<string, readonly string[]> = {
  "src/formats/safetensors.ts": ["formats/safetensors"],
  "src/formats/safetensors-header.ts": ["formats/safetensors"],
  "src/formats/tensor-reader.ts": ["formats/tensor-reader", "memory/memory-file", "train/checkpoint"],
  "src/model/config.ts": ["model/config"],
  "src/base/fields.ts": ["model/config"],
  "src/formats/json.ts": ["formats/json", "reader"],
  "src/formats/json-scanner.ts": ["formats/json"],
  "src/text/tokenizer-json.ts": ["text/tokenizer"],
  "src/text/byte-level.ts": ["text/"],
  "src/memory/memory-file.ts": ["memory/memory-file"],
  "src/memory/snapshot.ts": ["memory/snapshot", "memory/memory-file"],
  "src/data/corpus.ts": ["data/text-file", "data/corpus"],
};
/** Tests that apply to all readers. */
const HOSTILE = ["hostile/files", "hostile/properties"];

function filesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `${folder}/${name}`);
}

const roomName = (file: string) => basename(file, ".ts");

/** The rooms of the project at `root`. */
export function rooms(root: string): Room[] {
  const list = (folder: string) => filesIn(join(root, folder)).map((path) => `${folder}/${basename(path)}`);
  return [
    {
      name: "kernels",
      files: ["base", "ops", "search", "train"].flatMap((folder) => list(`assembly/${folder}`)),
      testsOf: (file) => [...(KERNEL_TESTS[roomName(file)] ?? ["autodiff/", "memory/"]), ...MODELS],
    },
    {
      name: "ops",
      files: list("src/autodiff/ops"),
      testsOf: (file) => [`autodiff/${roomName(file)}`, "autodiff/", ...MODELS],
    },
    {
      name: "memory",
      files: [...list("src/memory"), ...list("src/memory/search")].filter((file) => !(file in READER_TESTS)),
      testsOf: (file) => [`/${roomName(file)}.`, "memory/", "wasm/half", ...MODELS],
    },
    {
      name: "readers",
      files: Object.keys(READER_TESTS),
      testsOf: (file) => [...READER_TESTS[file], ...HOSTILE],
    },
  ];
}
