/** Takes a seat that a cluster offers, on a worker. The job's result is empty: what it computes goes into the slots of the training. */
import { nameOf } from "../../cluster/blocks.ts";
import type { Job } from "../../cluster/jobs.ts";
import { openExchange } from "../../cluster/open-exchange.ts";
import type { Computed } from "../../cluster/worker.ts";
import { makeDirectory } from "../../platform/directories.ts";
import { readDocuments } from "./documents.ts";
import { seatSettings } from "./seat-job.ts";
import { type Sitter, sit } from "./sit.ts";

/** How the process of a worker reaches the exchange. */
export interface Connection extends Sitter {
  readonly place: string;
  readonly credentials?: string;
}

/** @throws InputError if the settings are not what this program writes */
export async function computeSeat(
  { settings: given }: Job,
  inputs: Readonly<Record<string, string>>,
  scratch: string,
  { place, credentials, worker, lease }: Connection,
): Promise<Computed> {
  const settings = seatSettings(given);
  const documents = readDocuments(inputs.documents);
  const exchange = await openExchange(place, { credentials, lease });
  try {
    await sit(exchange, settings, documents, { worker, lease });
  } finally {
    await exchange.close();
  }
  const directory = `${scratch}/out`;
  makeDirectory(directory);
  const { training, leader, seat } = settings;
  return { proof: nameOf(new TextEncoder().encode(`${training} ${leader} ${seat}`)), directory };
}
