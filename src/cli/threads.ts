/** `--threads`, an option that every command that computes has. Results are the same to the bit for any number. */
import { availableParallelism } from "node:os";
import { nodeThread } from "../platform/worker.ts";
import { useThreads } from "../wasm/parallel.ts";
import { integer } from "./arguments/options.ts";

export const threadsOption = integer("threads that compute; as many as the machine has cores unless given", 1, 256);

export async function startThreads(count = availableParallelism()): Promise<void> {
  await useThreads(count, nodeThread);
}

export async function stopThreads(): Promise<void> {
  await useThreads(1);
}
