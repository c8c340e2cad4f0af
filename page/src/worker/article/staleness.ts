/** Staleness: a small new model learns for some steps, and its memory is compared with what its present weights would store. */
import { parseConfig, Trainer, Transformer } from "memorizing-transformer";
import { breathe, type Subject } from "./subject.ts";

const SEGMENT = 32;

export async function stalenessFigure(
  { model, past }: Subject,
  { learningRate, steps }: { learningRate: number; steps: number },
): Promise<readonly number[]> {
  const config = parseConfig(
    {
      ...model.config,
      hidden_size: 48,
      num_hidden_layers: 2,
      head_dim: 24,
      intermediate_size: 96,
      segment_length: SEGMENT,
      xl_cache_length: 0,
      memory_layers: [1],
      memory_size: SEGMENT * steps,
    },
    "the article's small model",
  );
  using small = new Transformer(config, 1);
  const documents = [{ name: "src/memory", tokens: () => past }];
  const options = {
    steps,
    batchSize: 1,
    learningRate,
    warmupSteps: 1,
    schedule: "constant",
    stalenessEvery: 1,
  } as const;
  using trainer = new Trainer(small, documents, options);
  while (!trainer.done) {
    trainer.trainStep();
    await breathe();
  }
  return trainer.keyCosines();
}
