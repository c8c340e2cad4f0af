/**
 * The peers: the process that runs each of them, and the thread counts at which it is best.
 */
import { join } from "node:path";
import { blasFolder, hasVenv, moduleCommand, peersFolder, pythonCommand } from "../places.ts";
import type { Environment, ProcessPlan } from "../process.ts";

interface Peer {
  readonly language: "javascript" | "python";
  readonly command: () => readonly string[];
  readonly threads: readonly number[];
  readonly environment?: (threads: number) => Environment;
}

/**
 * Gives `threads` to every library that a Python peer may use; the peers check that they got them. torch and Faiss count by OpenMP and
 * MKL, numpy by OpenBLAS. Variables that force OpenBLAS onto the kernels of an older processor are removed.
 * Debian's libraries find their BLAS by LD_LIBRARY_PATH; if the folder lacks it, the loader finds the system's.
 */
function pythonEnvironment(threads: number): Environment {
  return {
    OMP_NUM_THREADS: String(threads),
    MKL_NUM_THREADS: String(threads),
    OPENBLAS_NUM_THREADS: String(threads),
    OPENBLAS_CORETYPE: undefined,
    OPENBLAS_L2_SIZE: undefined,
    PYTHONDONTWRITEBYTECODE: "1",
    TORCHINDUCTOR_CACHE_DIR: join(peersFolder, "torch-compile"),
    TORCHINDUCTOR_COMPILE_THREADS: "1",
    ...(!hasVenv() && { LD_LIBRARY_PATH: blasFolder }),
  };
}

function javascript(module: string, threads: readonly number[] = [1]): Peer {
  return { language: "javascript", command: () => moduleCommand(`peers/${module}`), threads };
}

function python(script: string): Peer {
  return {
    language: "python",
    command: () => pythonCommand(script),
    threads: [1, 2],
    environment: pythonEnvironment,
  };
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
  "torch-compile": python("torch_peer.py"),
  "torch-bf16": python("torch_peer.py"),
  "faiss-flat": python("faiss_peer.py"),
  "faiss-ivf": python("faiss_peer.py"),
  "llama.cpp": javascript("llama", [1, 2]),
};

/** Whether the peer called `impl` runs in Python. */
export function isPython(impl: string): boolean {
  return peers[impl].language === "python";
}

/** Returns one process for each thread count of the peer called `impl`. */
export function peerPlans(impl: string): ProcessPlan[] {
  const { command, threads, environment } = peers[impl];
  return threads.map((count) => ({ impl, threads: count, command: command(), environment: environment?.(count) }));
}
