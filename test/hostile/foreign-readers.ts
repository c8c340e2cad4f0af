/** The readers of other tools' files under attack: GGUF models, configurations of families, indices of shards. */
import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { describeConfig } from "../../src/families/families.ts";
import { loadForeign } from "../../src/families/load-foreign.ts";
import { parameterShapes } from "../../src/families/parameters.ts";
import { sourceOf } from "../../src/formats/byte-source.ts";
import { readJson } from "../../src/formats/json-file.ts";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { shardedWeights } from "../../src/formats/sharded-weights.ts";
import { smallConfigs } from "../families/golden-models.ts";
import { joinGguf, smallGguf } from "../families/small-gguf.ts";
import type { RawTensor } from "../formats/gguf-files.ts";
import type { Parts, Reader } from "./readers.ts";

const nothing = new Uint8Array(0);

const jsonSeed = (value: unknown): Parts => ({ text: new TextEncoder().encode(JSON.stringify(value)), rest: nothing });

/** A head in blocks of 32, beyond what the small model needs. */
const blocks: RawTensor = { name: "rope_freqs.weight", axes: [1], type: 1, bytes: Uint8Array.of(0, 0x44) };

/** What the index of a checkpoint says, and the shard that it names. */
export const weightIndex = { metadata: { total_size: 8 }, weight_map: { a: "1.safetensors" } };
const shard = writeSafetensors(new Map([["a", { dtype: "F32", shape: [2], data: Float32Array.of(1, 2) }]]));

export const foreignReaders: readonly Reader[] = [
  {
    name: "gguf",
    fileName: "x.gguf",
    seeds: [smallGguf(), smallGguf({}, [blocks])],
    join: joinGguf,
    read(path) {
      const { architecture, parameters } = loadForeign(path);
      const bytes = readFileSync(path);
      for (const { name, shape } of parameterShapes(architecture)) {
        const parameter = parameters.get(name)!;
        const floats = parameter.floats();
        assert.is(
          floats.length,
          shape.reduce((product, axis) => product * axis, 1),
        );
        assert.ok(floats.every(Number.isFinite));
        const moved = /\.[qk]\./.test(name);
        assert.ok(moved || bytes.includes(Buffer.from(parameter.bytes())), `${name} is not in the file`);
      }
    },
  },
  {
    name: "foreign-config",
    fileName: "config.json",
    seeds: Object.values(smallConfigs).map(jsonSeed),
    join: ({ text }) => text,
    read(path) {
      const { architecture } = describeConfig(readJson(path), path);
      const { positions, windows, layers, headWidth, heads, keyHeads } = architecture;
      assert.ok(windows.length === layers && heads % keyHeads === 0);
      if (positions.kind === "learned") return;
      assert.ok(positions.dimensions % 2 === 0 && positions.dimensions <= headWidth);
      for (const angles of new Set(positions.frequencies)) assert.is(angles.length, positions.dimensions / 2);
    },
  },
  {
    name: "weight-index",
    fileName: "model.safetensors.index.json",
    seeds: [jsonSeed(weightIndex)],
    join: ({ text }) => text,
    read(path) {
      const { tensors } = shardedWeights(readJson(path), path, (name) => sourceOf(shard, `${path}: ${name}`));
      assert.equal([...tensors.keys()], ["a"]);
    },
  },
];
