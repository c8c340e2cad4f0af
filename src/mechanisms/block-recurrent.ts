/**
 * Block-Recurrent Transformer (Hutchins et al. 2022): a layer carries S state vectors. The tokens of a block read them; when the block is
 * finished, they read the block and each other, and a gate mixes what they read into what they were.
 *
 * Gradients flow from block to block within a segment; between segments a state is a constant. As in the paper, keys and values of tokens
 * serve both directions, queries do not, the gate is its fixed one, and state vectors have learned names, since they begin equal. Every
 * layer is recurrent here, in the paper one is.
 */
import { attention } from "../autodiff/ops/attention.ts";
import { blend } from "../autodiff/ops/blend.ts";
import { add, repeat, scale as times } from "../autodiff/ops/elementwise.ts";
import { selectHeads } from "../autodiff/ops/heads.ts";
import { intervalAttention } from "../autodiff/ops/interval-attention.ts";
import { linear } from "../autodiff/ops/matmul.ts";
import { l2Normalize, rmsNorm } from "../autodiff/ops/norm.ts";
import type { Tensor } from "../autodiff/tensor.ts";
import { constant, matrix, norm } from "../nn/declarations.ts";
import type { LocalInputs } from "../nn/self-attention.ts";
import { kernels } from "../wasm/runtime.ts";
import { advance, carriedTwice, nextName } from "./advance.ts";
import { refuseRest } from "./blocks.ts";
import type { AttentionMechanism, ReadingLayer } from "./mechanism.ts";
import { writeTokens } from "./tokens.ts";

/** Logit of the gate at first: a state keeps σ(1) = 73 % of itself. */
const FIRST_GATE = 1;

/** The interval [from, to) for each of `count` queries of each row, where `sees` says so; an empty one elsewhere. */
function intervals(
  rows: number,
  count: number,
  [from, to]: readonly [number, number],
  sees = (_query: number) => true,
) {
  return Int32Array.from({ length: 2 * rows * count }, (_, i) => {
    return sees(Math.floor(i / 2) % count) ? [from, to][i % 2] : 0;
  });
}

/** The state as attention sees it: normalised vectors [B, S, C], and their keys and values [B, S, H·D]. */
function openState(state: Tensor, layer: ReadingLayer) {
  const { parameter, rows, sizes } = layer;
  const [, vectors, width] = state.shape;
  const whole = { width: vectors * width, heads: 1, order: Int32Array.of(0) };
  const names = selectHeads(repeat(parameter("state.names"), [rows]), whole, state.shape); // [B, S · C] → [B, S, C]
  const normed = rmsNorm(add(state, names), parameter("state.norm.weight"), sizes.rms_norm_eps);
  const keys = l2Normalize(linear(normed, parameter("state.key.weight")), sizes.head_dim);
  return { normed, keys, values: linear(normed, parameter("state.value.weight")) };
}

type OpenState = ReturnType<typeof openState>;

/** What the tokens [from, to) of the pass read of a state, [B, n, H·D]; 0 for the others. */
function readState(query: Tensor, { scale }: LocalInputs, { keys, values }: OpenState, from: number, to: number) {
  const [rows, count] = query.shape;
  const seen = intervals(rows, count, [0, keys.shape[1]], (token) => token >= from && token < to);
  return intervalAttention(query, keys, values, scale, { keys, values, past: 0, first: new Int32Array(rows), seen })
    .out;
}

/** The state after a block, whose tokens are [from, to) of the segment. */
function nextState(state: Tensor, open: OpenState, inputs: LocalInputs, layer: ReadingLayer, block: [number, number]) {
  const { normed, keys, values } = open;
  const { parameter, sizes, rows } = layer;
  const [, vectors] = state.shape;
  const first = new Int32Array(rows);
  const query = (name: string) => l2Normalize(linear(normed, parameter(`state.${name}.weight`)), sizes.head_dim);
  const own = { keys, values, past: 0, first, seen: intervals(rows, vectors, [0, vectors]) };
  const before = { keys: layer.carried("keys"), values: layer.carried("values"), past: layer.offset, first };
  const seen = intervals(rows, vectors, block);
  const ofStates = intervalAttention(query("query"), keys, values, inputs.scale, own).out;
  const ofTokens = intervalAttention(query("token_query"), inputs.k, inputs.v, inputs.scale, { ...before, seen }).out;
  const found = add(
    linear(ofStates, parameter("state.output.weight")),
    linear(ofTokens, parameter("state.token_output.weight")),
  ); // [B, S, C]
  const gate = repeat(parameter("state.gate"), [rows, vectors]); // [B, S, C]
  return blend(found, state, gate).out;
}

export const blockRecurrent: AttentionMechanism = {
  about: "state vectors that read each block (Block-Recurrent Transformer)",
  settings: ["mechanism_block", "mechanism_cells"],
  refuse: (sizes) => refuseRest(sizes, "mechanism_block", sizes.mechanism_block),
  parameters: ({ hidden_size, num_attention_heads, head_dim, mechanism_cells: vectors }) => {
    const attended = num_attention_heads * head_dim;
    return [
      { name: "state.names", shape: [vectors * hidden_size], group: "norms", initial: (random) => random.normal() },
      norm("state.norm.weight", hidden_size),
      ...["query", "token_query", "key", "value"].map((name) => matrix(`state.${name}.weight`, attended, hidden_size)),
      ...["output", "token_output"].map((name) => matrix(`state.${name}.weight`, hidden_size, attended)),
      { name: "state.gate", shape: [hidden_size], group: "norms", initial: constant(FIRST_GATE) },
      matrix("read.query.weight", attended, hidden_size),
      matrix("read.output.weight", attended, attended),
    ];
  },
  carries: ({ hidden_size, num_attention_heads, head_dim, segment_length, mechanism_cells: vectors }) => {
    const pairs = [segment_length, num_attention_heads * head_dim];
    return { ...carriedTwice({ state: [vectors, hidden_size] }), keys: pairs, values: pairs };
  },
  attend: (inputs, layer) => {
    const { x, q, k, v, scale, bias, context } = inputs;
    const { mechanism_block: size, head_dim } = layer.sizes;
    const { offset, parameter } = layer;
    const end = offset + x.shape[1];
    const local = attention(q, k, v, scale, bias, context);
    const query = l2Normalize(linear(x, parameter("read.query.weight")), head_dim);
    let state = times(layer.carried("state"), 1); // a copy: the place is overwritten before the backward
    let read: Tensor | undefined;
    for (let begin = offset - (offset % size); begin < end; begin += size) {
      const open = openState(state, layer);
      const part = readState(query, inputs, open, Math.max(begin, offset) - offset, begin + size - offset);
      read = read ? add(read, part) : part;
      if (begin + size <= end) state = nextState(state, open, inputs, layer, [begin, begin + size]);
    }
    kernels.move(layer.carried(nextName("state")).ptr, state.ptr, state.size * 4);
    writeTokens(layer.carried("keys"), offset, k);
    writeTokens(layer.carried("values"), offset, v);
    return { out: add(local.out, linear(read!, parameter("read.output.weight"))), lse: local.lse };
  },
  afterTokens: advance("state"),
};
