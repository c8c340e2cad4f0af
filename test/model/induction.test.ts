/**
 * Models that begin with induction heads (`induction_init`): what they retrieve before any training, and which first weights
 * differ from those of a model without.
 */
import * as assert from "uvu/assert";
import { inspect } from "../../src/inspect/inspect.ts";
import { Transformer } from "../../src/model/transformer.ts";
import { byteTokenizer } from "../../src/text/tokenizer.ts";
import { suite } from "../harness.ts";
import { tinyConfig } from "../tiny.ts";

const test = suite("induction heads");

const tokenizer = byteTokenizer();
const bytesOf = (text: string) => Int32Array.from(new TextEncoder().encode(text));

test("before any training, a letter retrieves what followed the same letter before", async () => {
  const config = tinyConfig({
    num_hidden_layers: 1,
    memory_layers: [0],
    smear_keys: "memory_layers",
    induction_init: true,
  });
  using model = new Transformer(config, 1);
  const ids = bytesOf("the cat lay down; at");
  const { retrieved } = await inspect(model, tokenizer, ids, { memorySize: 17 });
  const best = [0, 1].map((head) => retrieved.list(ids.length - 1).find((pair) => pair.head === head)?.token);
  // To predict the last t, the third a asks. Behind the a of "cat" stands t, token 6; behind that of "lay" stands y, token 10.
  for (const token of best) assert.ok([6, 10].includes(token ?? -1), `retrieved token ${token}`);
});

for (const [smear_keys, layers] of [
  ["none", []],
  ["memory_layers", [1]],
  ["all", [0, 1]],
] as const) {
  test(`they change the queries and smears of ${layers.length} layers where keys are smeared in ${smear_keys}, and nothing else`, () => {
    const [drawn, given] = [false, true].map((induction_init) => {
      return new Transformer(tinyConfig({ smear_keys, induction_init }), 3).parameters;
    });
    const changed = drawn
      .names()
      .filter((name) => drawn.get(name).toArray().join() !== given.get(name).toArray().join());
    const expected = layers.flatMap((layer) => [
      `model.layers.${layer}.self_attn.q_proj.weight`,
      `model.layers.${layer}.self_attn.key_smear`,
    ]);
    assert.equal(changed.sort(), [...expected].sort());
    for (const layer of layers) {
      const of = (name: string) => given.get(`model.layers.${layer}.self_attn.${name}`).toArray();
      assert.equal(of("q_proj.weight"), of("k_proj.weight"));
      assert.equal([...of("key_smear")], [-3, -3]);
    }
    for (const parameters of [drawn, given]) parameters.release();
  });
}

test("a mechanism whose keys are its queries has only the smear to begin with", () => {
  const config = tinyConfig({ mechanism: "reformer", xl_cache_length: 7, smear_keys: "all", induction_init: true });
  using model = new Transformer(config, 1);
  assert.not(model.parameters.has("model.layers.0.self_attn.q_proj.weight"));
  assert.equal([...model.parameters.get("model.layers.0.self_attn.key_smear").toArray()], [-3, -3]);
});
