/** Qwen 2 and 2.5 (Yang et al., 2024): Llama with biases on q, k and v, which no key of the configuration mentions. */
import type { Architecture } from "./architecture.ts";
import type { ConfigReader } from "./config-reader.ts";
import type { FamilyReader } from "./family.ts";
import { describeLikeLlama, llamaNames, ropeSpelling } from "./llama.ts";
import { readRope, requireRope } from "./rope.ts";
import { qwenWindows } from "./windows.ts";

function describe(config: ConfigReader): Architecture {
  const rope = requireRope(config, readRope(config, ropeSpelling), ropeSpelling);
  const alike = describeLikeLlama(config, rope);
  return {
    ...alike,
    family: "qwen2",
    biases: { ...alike.biases, q: true, k: true, v: true },
    windows: qwenWindows(config, alike.layers),
  };
}

export const qwen2: FamilyReader = { family: "qwen2", describe, names: llamaNames };
