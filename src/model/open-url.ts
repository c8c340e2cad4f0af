/**
 * Models by their address: a GGUF file, or a directory as `transformers` or this program writes it. Weights are fetched by ranges, and
 * kept where there is a cache.
 */
import { aFlag, aFunction, aSignal, check, isPlainObject, type Kind, optional, someOptions } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { show } from "../base/show.ts";
import { CALIBRATION_FILE, calibrationPath } from "../families/calibration.ts";
import { OFFSETS_FILE } from "../families/offsets-file.ts";
import type { ForeignOptions } from "../families/open-foreign.ts";
import { sourceOf } from "../formats/byte-source.ts";
import { jsonOf } from "../formats/json.ts";
import type { OpenedModel } from "../nn/opened-model.ts";
import { PieceCache } from "../platform/piece-cache.ts";
import { fetchByRanges, fetchWhole, type RemoteReading } from "../platform/remote-file.ts";
import { type NamedFile, openModelFromFiles } from "./open-files.ts";

/** How a model is fetched, and how it reads. */
export interface UrlOptions extends ForeignOptions {
  /** Whether weights are kept for the next visit, where the browser has a cache for the site. Default: true. */
  readonly cache?: boolean;
  /** Called while weights are fetched, with the bytes of a file that are there, and with those of the whole. */
  readonly onDownload?: (done: number, total: number) => void;
  /** Ends the download. */
  readonly signal?: AbortSignal;
}

const CONFIG = "config.json";
/** Files that a directory may have besides its weights. */
const OTHERS = [
  "tokenizer.json",
  "tokenizer_config.json",
  "chat_template.jinja",
  "generation_config.json",
  OFFSETS_FILE,
  CALIBRATION_FILE,
];
const WEIGHTS = "model.safetensors";
const INDEX = `${WEIGHTS}.index.json`;

const anAddress: Kind = {
  what: "the address of a .gguf file or of a model's directory, which begins with http: or https:",
  accepts: (value) => /^https?:/.test(addressOf(value)?.protocol ?? ""),
};

/**
 * Opens the model at an address: one .gguf file, or a directory, of which the files are fetched that a model may have. Weights come by
 * range requests and are kept in the browser's cache of the site; the next visit fetches them only if the server says that they changed.
 * @throws InputError that names the address, or the file, key or tensor which is missing, damaged or not understood
 */
export async function openModelFromUrl(url: string | URL, options: UrlOptions = {}): Promise<OpenedModel> {
  check("url", url, anAddress);
  check("options", options, someOptions);
  const { cache = true, onDownload: onBytes, signal, ...others } = options;
  check("cache", cache, aFlag);
  check("onDownload", onBytes, optional(aFunction));
  check("signal", signal, optional(aSignal));
  const reading = { cache: cache ? await PieceCache.open() : undefined, onBytes, signal };
  const address = addressOf(url) as URL;
  const isFile = address.pathname.endsWith(".gguf");
  const files = isFile ? await filesOfGguf(address, reading) : await filesOfDirectory(address, reading);
  return openModelFromFiles(files, others);
}

/** An address may be relative to that of the page. */
function addressOf(value: unknown): URL | undefined {
  const page = "location" in globalThis ? globalThis.location?.href : undefined;
  return URL.canParse(String(value), page) ? new URL(String(value), page) : undefined;
}

async function weightsAt(address: URL, reading: RemoteReading): Promise<NamedFile> {
  const data = await fetchByRanges(address.href, reading);
  if (data === undefined) throw new InputError(`${address.href} does not exist`);
  return { name: lastPart(address), data };
}

/** The file, and its calibration if there is one next to it. */
async function filesOfGguf(address: URL, reading: RemoteReading): Promise<NamedFile[]> {
  const beside = new URL(address);
  beside.pathname = calibrationPath(address.pathname, false);
  const calibration = await fetchWhole(beside.href, reading.signal);
  const name = calibrationPath(lastPart(address), false);
  return [await weightsAt(address, reading), ...(calibration === undefined ? [] : [{ name, data: calibration }])];
}

function lastPart({ pathname }: URL): string {
  return pathname.slice(pathname.lastIndexOf("/") + 1);
}

async function filesOfDirectory(directory: URL, reading: RemoteReading): Promise<NamedFile[]> {
  const at = (name: string) => {
    const address = new URL(directory);
    address.pathname = `${directory.pathname.replace(/\/$/, "")}/${name}`;
    return address;
  };
  const fetched = async (name: string): Promise<NamedFile[]> => {
    const data = await fetchWhole(at(name).href, reading.signal);
    return data === undefined ? [] : [{ name, data }];
  };
  const config = await fetched(CONFIG);
  if (config.length === 0) throw new InputError(`${at(CONFIG).href} does not exist; it says what the model is`);
  const others = await Promise.all(OTHERS.map(fetched));
  return [...config, ...others.flat(), ...(await weightsOfDirectory(at, reading))];
}

/** One file of weights, or an index and its shards. */
async function weightsOfDirectory(at: (name: string) => URL, reading: RemoteReading): Promise<NamedFile[]> {
  const whole = await fetchByRanges(at(WEIGHTS).href, reading);
  if (whole !== undefined) return [{ name: WEIGHTS, data: whole }];
  const index = await fetchWhole(at(INDEX).href, reading.signal);
  if (index === undefined) throw new InputError(`${at(WEIGHTS).href} does not exist, and neither does ${INDEX}`);
  const shards: NamedFile[] = [];
  for (const shard of shardsOf(index, at(INDEX).href)) shards.push(await weightsAt(at(shard), reading));
  return [{ name: INDEX, data: index }, ...shards];
}

/** The files that an index names. What else is wrong with it is said when it is read. */
function shardsOf(index: Uint8Array, name: string): string[] {
  const json = jsonOf(sourceOf(index, name));
  const map = isPlainObject(json) && isPlainObject(json.weight_map) ? json.weight_map : {};
  return [...new Set(Object.values(map))].map((shard) => {
    if (typeof shard === "string" && /^[^/\\?#%]+\.safetensors$/.test(shard)) return shard;
    throw new InputError(`${name} names the file ${show(shard)}; it must be that of a .safetensors file next to it`);
  });
}
