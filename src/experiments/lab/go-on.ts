/** Measurements that take long, and that Ctrl-C ends between two of their steps. */
import { breathe } from "../../base/breathe.ts";

/** Thrown where a measurement is to end; whoever began it knows why. */
export class MeasurementEnded extends Error {}

/** Lets timers and signals run. @throws MeasurementEnded if `signal` has aborted */
export async function goOn(signal: AbortSignal | undefined): Promise<void> {
  await breathe();
  if (signal?.aborted) throw new MeasurementEnded("the measurement was ended");
}
