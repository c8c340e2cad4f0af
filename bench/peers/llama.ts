/** llama.cpp, native, by node-llama-cpp, whose build is made for this kind of processor. It computes with the weights as the file has them. */
import type { Problem, Task } from "../family.ts";
import { modelFile } from "../places.ts";
import { serve, threads } from "../serve.ts";
import { firstCounted, stretchMeans } from "../stretches.ts";
import { importPeer, peerVersion } from "./load.ts";

/** What is wanted of the token that follows. */
interface Wanted {
  readonly generateNext: { readonly token?: true; readonly probabilities?: true };
}
type Input = number | [token: number, wanted: Wanted];

interface Sequence {
  clearHistory(): Promise<void>;
  controlledEvaluate(
    input: Input[],
  ): Promise<({ next: { probabilities?: ReadonlyMap<number, number> } } | undefined)[]>;
}
interface Context {
  readonly currentThreads: number;
  getSequence(): Sequence;
}
interface NodeLlama {
  getLlama(options: object): Promise<{
    readonly systemInfo: string;
    readonly llamaCppRelease: { readonly release: string };
    loadModel(options: object): Promise<{ createContext(options: object): Promise<Context> }>;
  }>;
}

const PACKAGE = "node-llama-cpp";
/** Tokens of the longest text, and those that are computed together. */
const [CONTEXT, BATCH] = [4096, 512];

const { getLlama } = await importPeer<NodeLlama>(PACKAGE, "dist/index.js");
const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, logLevel: "error", maxThreads: 0 });
const model = await llama.loadModel({ modelPath: modelFile });
const context = await model.createContext({ contextSize: CONTEXT, batchSize: BATCH, threads, sequences: 1 });
const sequence = context.getSequence();

const choose: Wanted = { generateNext: { token: true } };
const spread: Wanted = { generateNext: { probabilities: true } };

async function write(ids: readonly number[]): Promise<void> {
  await sequence.clearHistory();
  for (const id of ids) await sequence.controlledEvaluate([[id, choose]]);
}

async function prompt(ids: readonly number[]): Promise<void> {
  await sequence.clearHistory();
  await sequence.controlledEvaluate([...ids.slice(0, -1), [ids[ids.length - 1], choose]]);
}

async function losses(ids: readonly number[]): Promise<Float32Array> {
  const first = firstCounted(ids.length - 1);
  await sequence.clearHistory();
  if (first > 0) await sequence.controlledEvaluate(ids.slice(0, first));
  const counted: number[] = [];
  for (let at = first; at + 1 < ids.length; at++) {
    const [answer] = await sequence.controlledEvaluate([[ids[at], spread]]);
    counted.push(-Math.log(answer?.next.probabilities?.get(ids[at + 1]) ?? 0));
  }
  return Float32Array.from(counted);
}

function solve({ op, sizes: { tokens }, inputs: [text] }: Problem): Task | undefined {
  const run = { write, prompt }[op];
  if (run === undefined) return undefined;
  if (context.currentThreads !== threads) {
    throw new Error(`llama.cpp computes with ${context.currentThreads} threads, not with ${threads}`);
  }
  const ids = [...text.subarray(0, tokens)];
  return { asynchronous: true, run: () => run(ids), output: async () => stretchMeans(await losses([...text])) };
}

/** The processor's features that it computes with, of "CPU : AVX2 = 1 | AMX_INT8 = 0 | …". */
const features = [...llama.systemInfo.matchAll(/(\w+) = 1/g)].map(([, name]) => name).join(" ");
await serve(`${peerVersion(PACKAGE)} (llama.cpp ${llama.llamaCppRelease.release}, ${features})`, solve);
