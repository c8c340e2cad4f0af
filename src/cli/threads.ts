/** `--threads`, an option of every command that computes. Results are bit-identical for any number. */
import { useThreads } from "../wasm/parallel.ts";
import { integer } from "./arguments/options.ts";

export const threadsOption = integer("threads that compute [as many as can run at once]", 1, 256);

export async function startThreads(count?: number): Promise<void> {
  await useThreads(count);
}

export async function stopThreads(): Promise<void> {
  await useThreads(1);
}
