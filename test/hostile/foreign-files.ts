/** Hostile files that stand in for those of other tools: GGUF models, configurations of families, indices of shards. */
import { smallConfigs } from "../families/golden-models.ts";
import { counting, joinGguf, smallGguf } from "../families/small-gguf.ts";
import { TYPE, type Typed } from "../formats/gguf-files.ts";
import { weightIndex } from "./foreign-readers.ts";

type Files = Readonly<Record<string, Uint8Array>>;

const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const gguf = (changes: Record<string, Typed>) => joinGguf(smallGguf(changes));

/** The good file with bytes changed from byte `at` on. */
function patched(at: number, ...bytes: number[]): Uint8Array {
  const file = joinGguf(smallGguf());
  file.set(bytes, at);
  return file;
}

export const ggufFiles: Files = {
  empty: new Uint8Array(0),
  "seven-bytes": joinGguf(smallGguf()).slice(0, 7),
  "header-cut-short": joinGguf(smallGguf()).slice(0, 100),
  "data-cut-short": joinGguf(smallGguf()).slice(0, -40),
  "version-1": patched(4, 1),
  "big-endian": patched(4, 0, 0, 0, 3),
  "2-to-the-63-tensors": patched(8, 0, 0, 0, 0, 0, 0, 0, 0x80),
  "four-billion-keys": patched(16, 0xff, 0xff, 0xff, 0xff),
  "a-key-of-2-to-the-40-bytes": patched(24, 0, 0, 0, 0, 0, 1),
  "an-alignment-of-0": gguf({ "general.alignment": [TYPE.u32, 0] }),
  "an-alignment-that-is-a-text": gguf({ "general.alignment": [TYPE.text, "32"] }),
  "four-billion-layers": gguf({ "llama.block_count": [TYPE.u32, 2 ** 32 - 1] }),
  "a-width-that-is-a-list": gguf({ "llama.embedding_length": [TYPE.array, [TYPE.u32, [2]]] }),
  "an-epsilon-that-is-no-number": gguf({ "llama.attention.layer_norm_rms_epsilon": [TYPE.f32, Number.NaN] }),
  "a-stop-that-is-a-text": gguf({ "tokenizer.ggml.eos_token_id": [TYPE.text, "3"] }),
  "a-tensor-of-experts": joinGguf(smallGguf({}, [counting("blk.0.ffn_gate_exps.weight", [2, 3, 2])])),
  "an-infinite-weight": joinGguf(
    smallGguf({}, [{ ...counting("output_norm.weight", [2]), type: 1, bytes: Uint8Array.of(0, 0x3c, 0, 0x7c) }]),
  ),
};

export const foreignConfigFiles: Files = {
  empty: new Uint8Array(0),
  "a-list": json([]),
  "of-another-family": json({ ...smallConfigs.llama, model_type: "mistral" }),
  "of-no-family": json({ ...smallConfigs.llama, model_type: { toString: 1 } }),
  "a-key-of-objects": new TextEncoder().encode('{"model_type": "llama", "__proto__": {"hidden_size": 8}}'),
  "a-head-of-sixteen-million": json({ ...smallConfigs.llama, head_dim: 2 ** 24 }),
  "a-million-layers": json({ ...smallConfigs.gpt2, n_layer: 1e6 }),
  "a-pattern-of-two-billion-layers": json({ ...smallConfigs.gpt_neo, attention_types: [[["global"], 2e9]] }),
  "a-rope-that-is-a-text": json({ ...smallConfigs.qwen2, rope_parameters: "default" }),
  "a-rope-of-another-type": json({ ...smallConfigs.qwen2, rope_parameters: { rope_type: "yarn", rope_theta: 1 } }),
  "a-theta-below-zero": json({ ...smallConfigs.qwen3, rope_parameters: { rope_theta: -1 } }),
  "no-theta": json({ ...smallConfigs.gpt_neox, rope_parameters: undefined }),
};

export const weightIndexFiles: Files = {
  empty: new Uint8Array(0),
  "a-list": json([]),
  "no-map": json({ metadata: {} }),
  "an-empty-map": json({ weight_map: {} }),
  "a-path-upwards": json({ weight_map: { a: "../../etc/passwd" } }),
  "a-path-of-the-root": json({ weight_map: { a: "/etc/shadow.safetensors" } }),
  "a-shard-that-is-a-list": json({ weight_map: { a: ["1.safetensors"] } }),
  "a-tensor-too-many": json({ weight_map: { ...weightIndex.weight_map, b: "1.safetensors" } }),
  "a-tensor-elsewhere": json({ weight_map: { a: "2.safetensors", b: "1.safetensors" } }),
};
