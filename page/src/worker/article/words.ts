/** Which words gain: the tokens ahead with memory and without, by the kind of word that they belong to. */
import { inspect, summarize, tokenTexts, wordsOfTokens } from "memorizing-transformer";
import type { Subject } from "./subject.ts";

const MOST = 8;

export async function wordsFigure({ model, tokenizer, ahead, remembered, passage }: Subject) {
  const inspection = await inspect(model, tokenizer, ahead, { known: remembered });
  const { kinds, mostGained } = summarize(inspection, wordsOfTokens(tokenTexts(tokenizer, ahead)), MOST);
  const { nats, natsWithout } = inspection;
  return {
    kinds: kinds.map(({ name, ...group }) => ({ kind: name, ...group })),
    most: mostGained.map((token) => ({ ...passage(token), nats: nats[token], natsWithout: natsWithout[token] })),
  };
}
