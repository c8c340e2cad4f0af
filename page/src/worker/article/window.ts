/**
 * The window of local attention: a name that nobody has seen stands once, then other text, then its beginning again. The model
 * predicts the rest of it, without a memory and with one.
 */
import { breathe, lossesOf, meanOf, type Subject } from "./subject.ts";

/** Tokens between both places. */
const DISTANCES: readonly number[] = [16, 32, 64, 128, 192, 256, 384, 512, 1024];

export async function windowFigure(subject: Subject, { name }: { name: string }) {
  const { tokenizer, past, model } = subject;
  const [first, again] = [tokenizer.encode(`const ${name} = 1;\n`), tokenizer.encode(`\nconst next = ${name}`)];
  const known = tokenizer.encode("\nconst next = ").length + 1; // the first token of the name says which one is meant
  const predicted = again.length - known;
  if (predicted < 1) throw new Error(`${name} is one token; choose a longer name`);
  const rows = [];
  for (const distance of DISTANCES) {
    const ids = Int32Array.from([...first, ...past.subarray(0, Math.max(0, distance - again.length)), ...again]);
    const lossOf = async (memorySize: number) =>
      meanOf((await lossesOf(subject, ids, { memorySize })).subarray(-predicted));
    rows.push({ distance, nats: await lossOf(model.memorySize), natsWithout: await lossOf(0) });
    await breathe();
  }
  return rows;
}
