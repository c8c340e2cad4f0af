/**
 * Arguments as plain JavaScript may pass them: numbers out of range, of another type, arrays of another kind, options with
 * other keys, objects in each other's places. `spoilt` puts a few of them into good arguments.
 */
import { Tensor } from "../../src/autodiff/tensor.ts";
import type { Random } from "../../src/base/random.ts";

class Stranger {
  readonly width = 4;
}

const SCALARS: readonly unknown[] = [
  undefined,
  null,
  true,
  false,
  Number.NaN,
  Infinity,
  -Infinity,
  -1,
  -0,
  0,
  1,
  2,
  7,
  0.5,
  1.5,
  1e-320,
  1000,
  65_537,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  -(2 ** 31),
  1e300,
  "",
  "5",
  "exact",
  "exakt",
  "float16",
  "\ud83c",
  "a\0b",
  "constructor",
  "x".repeat(300),
  5n,
  Symbol("s"),
];

/** Makes new objects each time: what is passed may be kept and changed. */
const OBJECTS: readonly ((random: Random) => unknown)[] = [
  () => [],
  () => ({}),
  () => [1],
  () => [Number.NaN, "a"],
  () => [[1, 2]],
  () => ["a", "\ud83c"],
  () => new Array(3),
  () => new Map(),
  () => new Map([[0, "a"]]),
  () => new Set([1]),
  () => new Date(0),
  () => new Stranger(),
  () => Object.create(null),
  () => Object.create({ width: 4, rows: 1 }),
  () => Promise.resolve(1),
  () => () => undefined,
  () => ({ length: 3 }),
  () => ({ valueOf: () => 7, toString: () => "7" }),
  () => ({ tokens: () => [1, 2], name: "a" }),
  () => ({ shape: [2, 2], size: 4, ptr: 64, requiresGrad: true }),
  () => new ArrayBuffer(8),
  () => new DataView(new ArrayBuffer(8)),
  (random) => new Float32Array(below(9, random)),
  (random) => new Float32Array(below(40, random)).fill(3e38),
  (random) => new Float64Array(below(9, random)).fill(1e300),
  (random) => new Int32Array(below(9, random)).fill(-1),
  () => new Int32Array(40).fill(2 ** 31 - 1),
  () => new Uint8Array(4096).fill(255),
  () => new Uint16Array(6).fill(0x7c00),
  () => new BigInt64Array(3),
];

/** Number of an element, from 0. */
export function below(count: number, random: Random): number {
  return random.uint32() % count;
}

/** `handles`: objects of the library, which may also come where they do not belong. */
function oddValue(random: Random, handles: readonly unknown[]): unknown {
  const [kind, at] = [below(10, random), random.uint32()];
  if (kind < 5) return SCALARS[at % SCALARS.length];
  return kind < 8 ? OBJECTS[at % OBJECTS.length](random) : handles[at % handles.length];
}

/** Good arguments with up to two parts, at any depth, replaced by other values. Leaves `args` unchanged. */
export function spoilt(args: unknown[], random: Random, handles: readonly unknown[]): unknown[] {
  let result: unknown = args;
  for (let left = below(5, random); left > 1; left -= 2) result = spoiltPart(result, random, handles, true);
  return result as unknown[];
}

function spoiltPart(value: unknown, random: Random, handles: readonly unknown[], isList = false): unknown {
  if (handles.includes(value) && below(2, random) === 0) return another(value as object, random, handles);
  if (!isList && below(2, random) === 0) return oddValue(random, handles);
  if (ArrayBuffer.isView(value) && "fill" in value) return withOddNumber(value as Float32Array, random);
  if (Array.isArray(value)) return spoiltList(value, random, handles);
  if (isPlain(value)) return spoiltObject(value, random, handles);
  return oddValue(random, handles);
}

/** Another object of the same kind, such as a tensor of another shape. */
function another(value: object, random: Random, handles: readonly unknown[]): unknown {
  const isAlike = (other: unknown) =>
    value instanceof Tensor ? other instanceof Tensor : other instanceof value.constructor;
  const alike = handles.filter(isAlike);
  return alike[below(alike.length, random)];
}

function withOddNumber(array: Float32Array | BigInt64Array, random: Random): unknown {
  if (array instanceof BigInt64Array || array.length === 0) return array;
  const copy = array.slice();
  copy[below(copy.length, random)] = [Number.NaN, Infinity, -1, 1e30, 2 ** 31 - 1][below(5, random)];
  return copy;
}

/** One item is another, or missing, or is there twice. */
function spoiltList(list: readonly unknown[], random: Random, handles: readonly unknown[]): unknown[] {
  if (list.length === 0) return [oddValue(random, handles)];
  const at = below(list.length, random);
  const rest = list.slice(at + 1);
  const way = below(12, random);
  if (way === 0) return [...list.slice(0, at), ...rest];
  if (way === 1) return [...list.slice(0, at), list[at], list[at], ...rest];
  return [...list.slice(0, at), spoiltPart(list[at], random, handles), ...rest];
}

/** One key has another value, is missing, or is one more. */
function spoiltObject(object: Record<string, unknown>, random: Random, handles: readonly unknown[]): unknown {
  const keys = Object.keys(object);
  const key = keys[below(Math.max(1, keys.length), random)] ?? "width";
  const way = below(12, random);
  if (way === 0) return { ...object, [`${key}s`]: object[key] };
  if (way === 1) return Object.fromEntries(Object.entries(object).filter(([other]) => other !== key));
  return { ...object, [key]: spoiltPart(object[key], random, handles) };
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
