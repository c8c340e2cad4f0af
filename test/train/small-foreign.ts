/** Directories of models that others might have trained: small, with random weights, and the bytes as their tokens. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import { bfloatsOf } from "../../src/formats/half-floats.ts";
import { type StoredTensor, writeSafetensors } from "../../src/formats/safetensors.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { smallConfigs } from "../families/golden-models.ts";
import { smallTensors } from "../families/small-models.ts";

/** Two layers; a window and segments of some tokens fit. */
const changes = { num_hidden_layers: 2, vocab_size: 256, max_position_embeddings: 24 };

/** Writes a Llama whose weights are brain floats into `directory`, which is made. */
export function writeSmallLlama(directory: string, seed = 4): void {
  const random = new Random(seed);
  const tensors = [...smallTensors("llama", changes)].map(([name, { shape, data }]): [string, StoredTensor] => {
    const shift = /norm\.weight$/.test(name) ? 1 : 0;
    const floats = Float32Array.from({ length: data.length }, () => shift + 0.3 * random.normal());
    return [name, { dtype: "BF16", shape, data: bfloatsOf(floats) }];
  });
  mkdirSync(directory, { recursive: true });
  const at = (name: string) => join(directory, name);
  writeFileSync(at("config.json"), JSON.stringify({ ...smallConfigs.llama, ...changes, dtype: "bfloat16" }));
  writeFileSync(at("model.safetensors"), writeSafetensors(new Map(tensors)));
  writeFileSync(at("tokenizer.json"), JSON.stringify(byteTokenizer().toJSON()));
  writeFileSync(at("generation_config.json"), JSON.stringify({ eos_token_id: 0 }));
}
