/**
 * Prints the table of docs/benchmarks.md from the JSON of whole runs, one column a run:
 * `node dist/bench/summary.js bench/results/node-20.json bench/results/node-24.json`.
 */
import { readFileSync } from "node:fs";
import { argv, stdout } from "node:process";
import { geometricMean, number, percent, type Report, table } from "./report.ts";

/** A line: our speed relative to a peer's, as a mean over the shapes of a family that contain `shape`. */
interface Line {
  readonly what: string;
  readonly family: string;
  readonly shape?: string;
  readonly ours?: string;
  readonly peer: string;
  readonly threads?: number;
}

const products = { family: "matmul", what: "matrix products, all shapes" };
const searched = { family: "topk", shape: "512 queries, 262,144 keys", peer: "faiss-flat" };
const lists = { family: "inverted", ours: "ours-inverted", peer: "faiss-ivf" };
const step = { family: "step", shape: "no memory", what: "training step, preset small" };

const lines: readonly Line[] = [
  { ...products, peer: "onnxruntime-web" },
  { ...products, peer: "onnxruntime-web", threads: 2 },
  { ...products, peer: "tfjs-wasm" },
  { ...products, peer: "jax-js" },
  { ...products, peer: "torch" },
  { ...products, peer: "numpy" },
  { what: "softmax, all shapes", family: "softmax", peer: "tfjs-wasm" },
  { what: "softmax, all shapes", family: "softmax", peer: "torch" },
  { what: "softmax, all shapes", family: "softmax", peer: "torch", threads: 2 },
  { what: "passes over rows, all kinds", family: "rows", peer: "torch" },
  { what: "passes over rows, all kinds", family: "rows", peer: "torch-compile" },
  { what: "feed-forward block and its gradients", family: "ffn", peer: "jax-js" },
  { what: "feed-forward block and its gradients", family: "ffn", peer: "torch" },
  { ...searched, what: "top 32 of 262,144 keys, 512 queries, f32" },
  { ...searched, what: "the same by a quantised scan, proven exact", ours: "ours-quantised" },
  { ...searched, shape: "1 query, 262,144 keys", what: "one query, proven exact", ours: "ours-quantised" },
  { ...lists, shape: "262,144 keys, 64", what: "inverted lists over 262,144 keys, at equal recall" },
  { ...lists, shape: "in, 512 out, 262,144", what: "keeping them current (Faiss never clusters anew)" },
  { ...step, peer: "torch" },
  { ...step, peer: "torch", threads: 2 },
  { ...step, peer: "torch-compile", threads: 2 },
  { what: "generation, preset small", family: "generate", shape: "no memory", peer: "torch", threads: 2 },
  { what: "generation, preset small", family: "generate", shape: "no memory", peer: "torch-compile", threads: 2 },
  { what: "generation with 8,192 pairs", family: "generate", shape: "8,192", peer: "torch", threads: 2 },
];

/** Formats a cell: the ratio and, where the peak bounds the work, our share of it; a dash without such rows. */
function cell({ family, shape = "", ours = "ours", peer, threads = 1 }: Line, { rows }: Report): string {
  const rowsOf = (impl: string) =>
    rows.filter((row) => {
      return row.family === family && row.impl === impl && row.threads === threads && row.shape.includes(shape);
    });
  const pairs = rowsOf(peer).flatMap((theirs) => {
    const own = rowsOf(ours).find((row) => row.shape === theirs.shape);
    return own === undefined ? [] : [{ ratio: theirs.median_ms / own.median_ms, share: own.share_of_peak }];
  });
  const ratio = geometricMean(pairs.map((pair) => pair.ratio));
  if (ratio === undefined) return "–";
  const share = geometricMean(pairs.map((pair) => pair.share));
  return share === undefined ? number(ratio) : `${number(ratio)} (${percent(share)})`;
}

const reports = argv.slice(2).map((path) => JSON.parse(readFileSync(path, "utf8")) as Report);
const head = ["", "peer", "threads", ...reports.map(({ runtime }) => `Node ${runtime.version.split(".")[0]}`)];
const body = lines.map((line) => [
  line.what,
  line.peer,
  String(line.threads ?? 1),
  ...reports.map((report) => cell(line, report)),
]);
stdout.write(`${table(head, body, 2)}\n`);
