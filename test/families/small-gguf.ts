/** GGUF models of a few numbers, made in memory. */
import { ggufData, ggufHeader, padded, type RawTensor, TYPE, type Typed } from "../formats/gguf-files.ts";

/** The metadata of a Llama of one layer and one head of 2; a value that is undefined is left out. */
export const smallMetadata: Readonly<Record<string, Typed | undefined>> = {
  "general.architecture": [TYPE.text, "llama"],
  "llama.embedding_length": [TYPE.u32, 2],
  "llama.block_count": [TYPE.u32, 1],
  "llama.attention.head_count": [TYPE.u32, 1],
  "llama.feed_forward_length": [TYPE.u32, 3],
  "llama.context_length": [TYPE.u32, 9],
  "llama.attention.layer_norm_rms_epsilon": [TYPE.f32, 0.5],
  "llama.rope.freq_base": [TYPE.f32, 100],
  "tokenizer.ggml.tokens": [TYPE.array, [TYPE.text, ["a", "b", "é", "</s>"]]],
  "tokenizer.ggml.eos_token_id": [TYPE.u32, 3],
};

const AXES: Readonly<Record<string, readonly number[]>> = {
  token_embd: [2, 4],
  "blk.0.attn_norm": [2],
  "blk.0.attn_q": [2, 2],
  "blk.0.attn_k": [2, 2],
  "blk.0.attn_v": [2, 2],
  "blk.0.attn_output": [2, 2],
  "blk.0.ffn_norm": [2],
  "blk.0.ffn_gate": [2, 3],
  "blk.0.ffn_up": [2, 3],
  "blk.0.ffn_down": [3, 2],
  output_norm: [2],
};

/** Its tensors, in each of which numbers count from 1. */
export function smallTensors(): RawTensor[] {
  return Object.entries(AXES).map(([module, axes]) => counting(`${module}.weight`, axes));
}

/** A tensor of floats that count from 1. */
export function counting(name: string, axes: readonly number[]): RawTensor {
  const length = axes.reduce((product, axis) => product * axis, 1);
  return { name, axes, type: 0, bytes: new Uint8Array(Float32Array.from({ length }, (_, i) => i + 1).buffer) };
}

/** Header and data of the model with these changes to its metadata, and more tensors. */
export function smallGguf(
  changes: Readonly<Record<string, Typed | undefined>> = {},
  more: readonly RawTensor[] = [],
): { text: Uint8Array; rest: Uint8Array } {
  const metadata = Object.entries({ ...smallMetadata, ...changes }).filter(
    (entry): entry is [string, Typed] => entry[1] !== undefined,
  );
  const replaced = new Set(more.map(({ name }) => name));
  const tensors = [...smallTensors().filter(({ name }) => !replaced.has(name)), ...more];
  return { text: ggufHeader(metadata, tensors), rest: ggufData(tensors) };
}

/** The file of a header and data. */
export function joinGguf({ text, rest }: { text: Uint8Array; rest: Uint8Array }): Uint8Array {
  const header = padded(text);
  const file = new Uint8Array(header.length + rest.length);
  file.set(header);
  file.set(rest, header.length);
  return file;
}
