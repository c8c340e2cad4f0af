/**
 * Weights in several safetensors files and an index, `{"weight_map": {"tensor": "file", …}}`. Index and files must agree in
 * both directions: a shard of another download is found before its weights are mixed with the others.
 */
import { isPlainObject } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { show } from "../base/show.ts";
import type { ByteSource } from "./byte-source.ts";
import { quote } from "./json-scanner.ts";
import { safetensorsWeights } from "./safetensors-weights.ts";
import type { FileTensor, WeightFile } from "./weight-file.ts";

/**
 * The tensors of all files that the index names; `open` opens one of them by its name.
 * @throws InputError that names the index, the shard and the tensor that do not agree
 */
export function shardedWeights(index: unknown, indexName: string, open: (shard: string) => ByteSource): WeightFile {
  const shardOf = weightMap(index, indexName);
  const tensors = new Map<string, FileTensor>();
  for (const shard of new Set(shardOf.values())) {
    const file = safetensorsWeights(open(shard));
    for (const tensor of file.tensors.values()) {
      requireListed(tensor.name, shardOf.get(tensor.name), shard, indexName);
      tensors.set(tensor.name, tensor);
    }
  }
  for (const [name, shard] of shardOf) {
    if (tensors.has(name)) continue;
    throw new InputError(`${indexName} says that tensor ${quote(name)} is in ${quote(shard)}, but that file has none`);
  }
  return { name: indexName, tensors };
}

function weightMap(index: unknown, indexName: string): Map<string, string> {
  if (!isPlainObject(index) || !isPlainObject(index.weight_map)) {
    throw new InputError(`${indexName} has no weight_map, an object that gives the file of each tensor`);
  }
  const entries = Object.entries(index.weight_map);
  if (entries.length === 0) throw new InputError(`${indexName}: its weight_map names no tensor`);
  return new Map(entries.map(([name, shard]) => [name, requireFileName(name, shard, indexName)]));
}

/** A shard lies next to its index: a path that leads elsewhere is refused. */
function requireFileName(name: string, shard: unknown, indexName: string): string {
  if (typeof shard === "string" && /^[^/\\\0]+\.safetensors$/.test(shard)) return shard;
  throw new InputError(
    `${indexName}: the file of tensor ${quote(name)} is ${show(shard)}; it must be the name of a .safetensors file next to it`,
  );
}

function requireListed(name: string, listed: string | undefined, shard: string, indexName: string): void {
  if (listed === shard) return;
  const claim = listed === undefined ? "does not list it" : `says that it is in ${quote(listed)}`;
  throw new InputError(`${quote(shard)} has the tensor ${quote(name)}, but ${indexName} ${claim}`);
}
