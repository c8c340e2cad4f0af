/** The gate: both heads of the memory layer are given the same share of the memory, and the model reads on with it. */
import { breathe, lossesOf, meanOf, type Subject } from "./subject.ts";

const SHARES: readonly number[] = [0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99];
/** Tokens that are predicted with each share. */
const TOKENS = 256;

export async function gateFigure(subject: Subject) {
  const { model, ahead, remembered } = subject;
  const gate = model.parameters.get(`model.layers.${model.config.memory_layers[0]}.self_attn.memory_gate`);
  const learned = gate.toArray();
  const ids = ahead.subarray(0, TOKENS + 1);
  /** The memory stays what it was: keys and values of this layer are made before its gate. */
  const nats = async () => {
    const known = { ...remembered, model: model.fingerprint() };
    return meanOf(await lossesOf(subject, ids, { known }));
  };
  try {
    const learnedNats = await nats();
    const losses = [];
    for (const at of SHARES) {
      gate.fill(Math.log(at / (1 - at)));
      losses.push({ at, nats: await nats() });
      await breathe();
    }
    return { losses, learned: [...learned].map((b) => 1 / (1 + Math.exp(-b))), learnedNats };
  } finally {
    gate.set(learned);
  }
}
