/** `--threads`, an option that every command that computes has. Results are the same to the bit for any number. */
import { useThreads } from "../wasm/parallel.ts";
import { integer } from "./arguments/options.ts";

export const threadsOption = integer("threads that compute; as many as can run at once unless given", 1, 256);

export async function startThreads(count?: number): Promise<void> {
  await useThreads(count);
}

export async function stopThreads(): Promise<void> {
  await useThreads(1);
}
