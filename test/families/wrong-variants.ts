/**
 * Mistakes that others made with these models: each changes the description or the weights of a model that was read correctly. The
 * table in the golden files' README says how far each moves the logits, so a test can tell that it is that very mistake.
 */
import type { Architecture, RotaryPositions } from "../../src/families/architecture.ts";
import type { StoredParameter } from "../../src/families/read-parameters.ts";
import { inverseFrequencies, type RopeScaling } from "../../src/families/rope.ts";
import type { Change } from "./decoder-models.ts";

/** New values [out, in] of the parameters whose name matches. */
function rewrite(
  pattern: RegExp,
  values: (floats: Float32Array, columns: number, architecture: Architecture, name: string) => Float32Array,
): Change {
  return ({ architecture, parameters }) => {
    const changed = [...parameters].map(([name, stored]): [string, StoredParameter] => {
      if (!pattern.test(name)) return [name, stored];
      const floats = () => values(stored.floats(), stored.shape.at(-1) as number, architecture, name);
      return [name, { ...stored, floats }];
    });
    return { architecture, parameters: new Map(changed) };
  };
}

/** Another description. */
function describe(change: (architecture: Architecture) => Partial<Architecture>): Change {
  return ({ architecture, parameters }) => ({ architecture: { ...architecture, ...change(architecture) }, parameters });
}

/** One change after the other. */
function both(...changes: Change[]): Change {
  return (model) => changes.reduce((changed, change) => change(changed), model);
}

const zeros = (pattern: RegExp) => rewrite(pattern, (floats) => floats.fill(0));
const ones = (pattern: RegExp) => rewrite(pattern, (floats) => floats.fill(1));

/** Square matrices, read the other way round. */
function transposed(pattern: RegExp): Change {
  return rewrite(pattern, (floats, columns) =>
    floats.map((_, i) => floats[(i % columns) * columns + Math.floor(i / columns)]),
  );
}

/** Values of the parameter that `source` names for each one that matches. */
function takenFrom(pattern: RegExp, source: (name: string) => string): Change {
  return (model) =>
    rewrite(pattern, (...args) => (model.parameters.get(source(args[3])) as StoredParameter).floats())(model);
}

/** Rows of a matrix, or numbers of a vector, in another order: row i is row order(i) of what was read. */
function reordered(pattern: RegExp, order: (row: number, architecture: Architecture) => number): Change {
  return rewrite(pattern, (floats, columns, architecture) => {
    const width = columns === floats.length ? 1 : columns; // of a vector 1
    return floats.map((_, i) => floats[order(Math.floor(i / width), architecture) * width + (i % width)]);
  });
}

/** Neighbours are rotated where halves should be: the same scores as when the rows lie so that halves are what neighbours were. */
const interleaved = reordered(/\.[qk](_norm)?\.(weight|bias)$/, (row, { headWidth, positions }) => {
  const { dimensions } = positions as RotaryPositions;
  const [head, i] = [Math.floor(row / headWidth) * headWidth, row % headWidth];
  if (i >= dimensions) return row;
  const half = dimensions / 2;
  return head + (i < half ? 2 * i : 2 * (i - half) + 1);
});

/** Query head h reads kv head h % KV: the same as with heads in another order, and the outputs likewise. */
const strided = both(
  reordered(/\.q\.(weight|bias)$/, (row, architecture) => {
    const { headWidth } = architecture;
    return headAt(Math.floor(row / headWidth), architecture) * headWidth + (row % headWidth);
  }),
  rewrite(/\.o\.weight$/, (floats, columns, architecture) => {
    const { headWidth } = architecture;
    return floats.map((_, i) => {
      const [row, column] = [Math.floor(i / columns), i % columns];
      const head = headAt(Math.floor(column / headWidth), architecture);
      return floats[row * columns + head * headWidth + (column % headWidth)];
    });
  }),
);

/** The head that stands at `place` so that those with the same h % KV are neighbours. */
function headAt(place: number, { heads, keyHeads }: Architecture): number {
  const group = heads / keyHeads;
  return (place % group) * keyHeads + Math.floor(place / group);
}

/** The same angles in all layers, or those that `angles` makes of a layer's. */
function rotated(angles: (frequencies: Float64Array, architecture: Architecture) => Float64Array): Change {
  return describe((architecture) => {
    const positions = architecture.positions as RotaryPositions;
    const made = positions.frequencies.map((frequencies) => angles(frequencies, architecture));
    return { positions: { ...positions, dimensions: made[0].length * 2, frequencies: made } };
  });
}

function theta(value: number, scaling: RopeScaling = { type: "default" }): Change {
  return rotated((frequencies) => inverseFrequencies(frequencies.length * 2, value, scaling));
}

const epsilon = (value: number) => describe(({ norm }) => ({ norm: { ...norm, epsilon: value } }));
const onePlus = describe(({ norm }) => ({ norm: { ...norm, weightOffset: 1 } }));
const windows = (seen: (window: number | null, layer: number) => number | null) =>
  describe((architecture) => ({ windows: architecture.windows.map(seen) }));
const byWidth = describe(({ width, heads }) => ({ scoreScale: 1 / Math.sqrt(width / heads) }));
const byHead = describe(({ headWidth }) => ({ scoreScale: 1 / Math.sqrt(headWidth) }));
const erf = describe(() => ({ activation: "gelu_erf" }));
const tanh = describe(() => ({ activation: "gelu_tanh" }));
const llama3 = (factor: number, original = 64) => ({ type: "llama3", factor, low: 1, high: 4, original }) as const;
const tiedToEmbedding = takenFrom(/^head\.weight$/, () => "embed.weight");
const swapped = (a: string, b: string) =>
  takenFrom(new RegExp(`\\.(${a}|${b})\\.weight$`), (name) =>
    name.includes(`.${a}.`) ? name.replace(`.${a}.`, `.${b}.`) : name.replace(`.${b}.`, `.${a}.`),
  );
const wholeHead = rotated((_, { headWidth }) => inverseFrequencies(headWidth, 10_000, { type: "default" }));

/** Changes by model and by the name that the README gives the variant. */
export const wrongVariants: Readonly<Record<string, Readonly<Record<string, Change>>>> = {
  gpt2: {
    "attn.c_proj not transposed (square)": transposed(/\.o\.weight$/),
    "gelu with erf": erf,
    "epsilon 1e-6 for 1e-5": epsilon(1e-6),
    "c_attn bias missing": zeros(/\.[qkv]\.bias$/),
    "c_proj biases missing": zeros(/\.(o|down)\.bias$/),
    "c_fc bias missing": zeros(/\.up\.bias$/),
    "norm biases missing": zeros(/norm\.bias$/),
    "norm weights missing": ones(/norm\.weight$/),
    "positions from 2 (as OPT)": reordered(/^positions\./, (row) => Math.min(63, row + 2)),
    "wpe missing": zeros(/^positions\./),
    "scores not divided by sqrt(D)": describe(() => ({ scoreScale: 1 })),
  },
  gpt_neo: {
    "scores divided by sqrt(D)": byHead,
    "every layer global": windows(() => null),
    "local and global swapped": windows((window) => (window === null ? 8 : null)),
    "window 7": windows((window) => window && 7),
    "window 9": windows((window) => window && 9),
    "q,k,v,out transposed as in gpt2 (square)": transposed(/\.[qkvo]\.weight$/),
    "only out_proj transposed": transposed(/\.o\.weight$/),
    "out_proj bias missing": zeros(/\.o\.bias$/),
    "gelu with erf": erf,
    "epsilon 1e-6 for 1e-5": epsilon(1e-6),
    "wpe missing": zeros(/^positions\./),
  },
  gpt_neox: {
    "rotation interleaved": interleaved,
    "rotary_pct ignored: all of D rotated": wholeHead,
    "no rotation": rotated((frequencies) => new Float64Array(frequencies.length)),
    "theta 500000": theta(500_000),
    "serial block": describe(() => ({ block: "serial" })),
    "one norm for both branches (as GPT-J)": takenFrom(/\.mlp_norm\./, (name) =>
      name.replace("mlp_norm", "input_norm"),
    ),
    "gelu with tanh": tanh,
    "query_key_value bias missing": zeros(/\.[qkv]\.bias$/),
    "dense bias missing": zeros(/\.o\.bias$/),
    "mlp biases missing": zeros(/\.(up|down)\.bias$/),
    "dense transposed (square)": transposed(/\.o\.weight$/),
    "head tied to embed_in": tiedToEmbedding,
    "epsilon 1e-6 for 1e-5": epsilon(1e-6),
  },
  "gpt_neox-serial": {
    "parallel block": describe(() => ({ block: "parallel" })),
    "theta 10000 for 5000": theta(10_000),
    "rotation interleaved": interleaved,
    "rotary_pct ignored: all of D rotated": rotated((_, { headWidth }) => {
      return inverseFrequencies(headWidth, 5000, { type: "default" });
    }),
  },
  llama3: {
    "rotation interleaved": interleaved,
    "rope_scaling ignored": theta(500_000),
    "theta 10000, scaling kept": theta(10_000, llama3(8)),
    "rope_parameters ignored: theta 10000, no scaling": theta(10_000),
    "factor 32 for 8": theta(500_000, llama3(32)),
    "original length 8192 for 64": theta(500_000, llama3(8, 8192)),
    "all frequencies / 8 (as linear)": theta(500_000, { type: "linear", factor: 8 }),
    "kv head h % kv": strided,
    "scores divided by sqrt(C / H)": byWidth,
    "head tied to the embedding": tiedToEmbedding,
    "gate and up swapped": swapped("gate", "up"),
    "norm weights missing": ones(/norm\.weight$/),
    "norm weight taken as 1 + w": onePlus,
    "LayerNorm for RMSNorm": describe(({ norm }) => ({ norm: { ...norm, kind: "layer" } })),
    "epsilon 1e-6 for 1e-5": epsilon(1e-6),
  },
  "llama-sharded": {
    "rotation interleaved": interleaved,
    "theta 10000 for 100000": theta(10_000),
    "kv head h % kv": strided,
    "epsilon 1e-6 for 1e-5": epsilon(1e-6),
    "o_proj transposed (square)": transposed(/\.o\.weight$/),
    "q_proj transposed (square)": transposed(/\.q\.weight$/),
  },
  "llama-linear": {
    "rope_scaling ignored": rotated((frequencies) => frequencies.map((angle) => angle * 4)),
    "frequencies times 4 (wrong way)": rotated((frequencies) => frequencies.map((angle) => angle * 16)),
    "rotation interleaved": interleaved,
    "epsilon 1e-5 for 1e-6": epsilon(1e-5),
  },
  qwen2: {
    "rotation interleaved": interleaved,
    "theta 10000 for 1000000": theta(10_000),
    "kv head h % kv": strided,
    "q, k, v biases missing": zeros(/\.[qkv]\.bias$/),
    "only the q bias missing": zeros(/\.q\.bias$/),
    "only the k bias missing": zeros(/\.k\.bias$/),
    "only the v bias missing": zeros(/\.v\.bias$/),
    "sliding window 8 used although switched off": windows(() => 8),
    "epsilon 1e-5 for 1e-6": epsilon(1e-5),
  },
  qwen3: {
    "q_norm, k_norm missing": both(
      describe(() => ({ headNorms: false })),
      ({ architecture, parameters }) => {
        const others = [...parameters].filter(([name]) => !/\.[qk]_norm\./.test(name));
        return { architecture, parameters: new Map(others) };
      },
    ),
    "q_norm, k_norm weights missing": ones(/\.[qk]_norm\.weight$/),
    "q_norm and k_norm swapped": swapped("q_norm", "k_norm"),
    "rotation interleaved": interleaved,
    "theta 10000 for 1000000": theta(10_000),
    "kv head h % kv": strided,
    "scores divided by sqrt(C / H)": byWidth,
    "norm weight taken as 1 + w": onePlus,
    "epsilon 1e-5 for 1e-6": epsilon(1e-5),
  },
  gemma3_text: {
    "norm weight w for 1 + w, everywhere": describe(({ norm }) => ({ norm: { ...norm, weightOffset: 0 } })),
    "norm weight w for 1 + w, only q_norm and k_norm": rewrite(/\.[qk]_norm\.weight$/, (w) => w.map((x) => x - 1)),
    "norm weight w for 1 + w, only the last norm": rewrite(/^norm\.weight$/, (w) => w.map((x) => x - 1)),
    "theta 1000000 in every layer": theta(1_000_000),
    "theta 10000 in every layer": theta(10_000),
    "no sliding window": windows(() => null),
    "window 7": windows((window) => window && 7),
    "window 9": windows((window) => window && 9),
    "scores divided by sqrt(D), not sqrt(query_pre_attn_scalar)": byHead,
    "embedding not times sqrt(C)": describe(() => ({ embeddingScale: 1 })),
    "sqrt(C) rounded to bfloat16": describe(() => ({ embeddingScale: 6.3125 })),
    "rotation interleaved": interleaved,
    "kv head h % kv": strided,
    "silu for gelu": describe(() => ({ activation: "silu" })),
    "epsilon 1e-5 for 1e-6": epsilon(1e-5),
  },
};
