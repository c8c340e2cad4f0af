/**
 * The peers: the process that runs each of them, and the thread counts at which it is best.
 */
import { blasFolder, moduleCommand, pythonCommand } from "../places.ts";
import type { ProcessPlan } from "../process.ts";

interface Peer {
  readonly language: "javascript" | "python";
  readonly command: readonly string[];
  readonly threads: readonly number[];
  readonly environment?: (threads: number) => Record<string, string>;
}

/**
 * Gives all threads to OpenBLAS's products: OpenMP's threads on top of them would be more than there are cores. If the folder
 * lacks a library, the loader skips it and finds the system's BLAS.
 */
function blasEnvironment(threads: number): Record<string, string> {
  const counts = { OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: String(threads) };
  return { ...counts, LD_LIBRARY_PATH: blasFolder, PYTHONDONTWRITEBYTECODE: "1" };
}

/** Gives all threads to OpenMP, which searches inverted lists; their products are too small to share out. */
function ompEnvironment(threads: number): Record<string, string> {
  return { ...blasEnvironment(1), OMP_NUM_THREADS: String(threads) };
}

function javascript(module: string, threads: readonly number[] = [1]): Peer {
  return { language: "javascript", command: moduleCommand(`peers/${module}`), threads };
}

function python(script: string, environment = blasEnvironment): Peer {
  return { language: "python", command: pythonCommand(script), threads: [1, 2], environment };
}

const peers: Readonly<Record<string, Peer>> = {
  // Both lack threads in Node.
  "tfjs-wasm": javascript("tfjs"),
  "jax-js": javascript("jax"),
  "onnxruntime-web": javascript("onnxruntime", [1, 2]),
  "hnswlib-node": javascript("hnswlib"),
  usearch: javascript("usearch"),
  numpy: python("numpy_peer.py"),
  torch: python("torch_peer.py"),
  "faiss-flat": python("faiss_peer.py"),
  "faiss-ivf": python("faiss_peer.py", ompEnvironment),
};

/** Whether the peer called `impl` runs in the system's Python. */
export function isPython(impl: string): boolean {
  return peers[impl].language === "python";
}

/** Returns one process for each thread count of the peer called `impl`. */
export function peerPlans(impl: string): ProcessPlan[] {
  const { command, threads, environment } = peers[impl];
  return threads.map((count) => ({ impl, threads: count, command, environment: environment?.(count) }));
}
