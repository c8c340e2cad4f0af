/** Settings of mechanisms over blocks that do not fit together are refused in a sentence. */
import * as assert from "uvu/assert";
import type { ModelConfig } from "../../src/model/config.ts";
import { suite } from "../harness.ts";
import { tinyConfig } from "../tiny.ts";

const test = suite("mechanisms over blocks");

const refused: [Partial<ModelConfig>, RegExp][] = [
  [
    { mechanism: "linformer", mechanism_block: 4 },
    /^test: segment_length 7 is not a multiple of mechanism_block 4; a segment must consist of whole blocks$/,
  ],
  [{ mechanism: "combiner", mechanism_block: 3 }, /segment_length 7 is not a multiple of mechanism_block 3/],
  [
    { mechanism: "h-transformer", segment_length: 12, mechanism_block: 4, mechanism_levels: 4 },
    /segment_length 12 is not a multiple of 2 \^ \(mechanism_levels − 1\) = 8/,
  ],
  [
    { mechanism: "compressive", mechanism_window: 20 },
    /mechanism_window 20 is not a multiple of segment_length 7; a cache must hold whole segments/,
  ],
  [{ mechanism: "compressive", mechanism_window: 7, mechanism_stride: 3 }, /is not a multiple of mechanism_stride 3/],
  [{ mechanism: "linear", xl_cache_length: 4 }, /xl_cache_length is 4, but the mechanism linear keeps what it needs/],
  [{ mechanism: "performer", mechanism_features: 0 }, /mechanism_features/],
];

for (const [settings, message] of refused) {
  test(`refused: ${JSON.stringify(settings)}`, () => {
    assert.throws(() => tinyConfig({ memory_layers: [], ...settings }), message);
  });
}

test("a setting that another mechanism reads is left out of the configuration", () => {
  const config = tinyConfig({ mechanism: "linear", mechanism_block: 64 });
  assert.is(config.mechanism, "linear");
  assert.not.ok("mechanism_block" in config);
});
