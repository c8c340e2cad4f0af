/** Growing a memory after training: the same tokens, read after the same text, of which ever more is still remembered. */
import type { Loss } from "../../engine/figures.ts";
import { lossesOf, meanOf, type Subject } from "./subject.ts";

const SIZES: readonly number[] = [0, 64, 128, 256, 512, 1024, 2048, 3072];
const TOKENS = 256;

export async function growthFigure(subject: Subject): Promise<Loss[]> {
  const ids = subject.ahead.subarray(0, TOKENS + 1);
  const losses: Loss[] = [];
  for (const at of SIZES) {
    const options = at === 0 ? { memorySize: 0 } : { memorySize: at, known: subject.remembered };
    losses.push({ at, nats: meanOf(await lossesOf(subject, ids, options)) });
  }
  return losses;
}
