/** For tests of GGUF: files whose metadata and tensors are whatever a test makes them. */

/** A value with the number of its type. */
export type Typed = readonly [type: number, value: unknown];

/** A tensor as the header describes it: the contiguous axis first. */
export interface RawTensor {
  readonly name: string;
  readonly axes: readonly number[];
  readonly type: number;
  readonly bytes: Uint8Array;
  /** Where it is said to begin, if not where it does. */
  readonly offset?: number;
}

const utf8 = new TextEncoder();

/** Numbers of the types, in the order of the format. */
export const TYPE = {
  u8: 0,
  i8: 1,
  u16: 2,
  i16: 3,
  u32: 4,
  i32: 5,
  f32: 6,
  flag: 7,
  text: 8,
  array: 9,
  u64: 10,
  i64: 11,
  f64: 12,
} as const;

const SIZES = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];
const SETTERS = "Uint8 Int8 Uint16 Int16 Uint32 Int32 Float32 Uint8 - - BigUint64 BigInt64 Float64".split(" ");

function scalar(type: number, value: unknown): number[] {
  const view = new DataView(new ArrayBuffer(SIZES[type]));
  const setter = `set${SETTERS[type]}` as "setFloat64";
  view[setter](0, (SETTERS[type].startsWith("Big") ? BigInt(value as number) : Number(value)) as number, true);
  return [...new Uint8Array(view.buffer)];
}

function text(value: string | Uint8Array): number[] {
  const bytes = typeof value === "string" ? utf8.encode(value) : value;
  return [...scalar(TYPE.u64, bytes.length), ...bytes];
}

function encoded([type, value]: Typed): number[] {
  if (type === TYPE.text) return text(value as string);
  if (type !== TYPE.array) return scalar(type, value);
  const [itemType, items] = value as [number, unknown[]];
  return [
    ...scalar(TYPE.u32, itemType),
    ...scalar(TYPE.u64, items.length),
    ...items.flatMap((i) => encoded([itemType, i])),
  ];
}

/** The header of a file, without the bytes that align what follows. */
export function ggufHeader(
  metadata: readonly (readonly [key: string, value: Typed])[],
  tensors: readonly RawTensor[],
  alignment = 32,
  version = 3,
): Uint8Array {
  let offset = 0;
  const infos = tensors.flatMap(({ name, axes, type, bytes, offset: claimed }) => {
    const begin = claimed ?? offset;
    offset += Math.ceil(bytes.length / alignment) * alignment;
    const shape = [...scalar(TYPE.u32, axes.length), ...axes.flatMap((axis) => scalar(TYPE.u64, axis))];
    return [...text(name), ...shape, ...scalar(TYPE.u32, type), ...scalar(TYPE.u64, begin)];
  });
  const counts = [...scalar(TYPE.u64, tensors.length), ...scalar(TYPE.u64, metadata.length)];
  const pairs = metadata.flatMap(([key, value]) => [...text(key), ...scalar(TYPE.u32, value[0]), ...encoded(value)]);
  return Uint8Array.from([...utf8.encode("GGUF"), ...scalar(TYPE.u32, version), ...counts, ...pairs, ...infos]);
}

/** The data of the tensors, each at a multiple of `alignment`. */
export function ggufData(tensors: readonly RawTensor[], alignment = 32): Uint8Array {
  return Uint8Array.from(tensors.flatMap(({ bytes }) => [...padded(bytes, alignment)]));
}

/** `bytes` with zeros after them, up to a multiple of `alignment`. */
export function padded(bytes: Uint8Array, alignment = 32): Uint8Array {
  const longer = new Uint8Array(Math.ceil(bytes.length / alignment) * alignment);
  longer.set(bytes);
  return longer;
}

/** A whole file. */
export function ggufFile(
  metadata: readonly (readonly [key: string, value: Typed])[],
  tensors: readonly RawTensor[],
  alignment = 32,
  version = 3,
): Uint8Array {
  return Uint8Array.of(
    ...padded(ggufHeader(metadata, tensors, alignment, version), alignment),
    ...ggufData(tensors, alignment),
  );
}

/** A tensor of floats. */
export function floatTensor(name: string, axes: readonly number[], floats: readonly number[]): RawTensor {
  return { name, axes, type: 0, bytes: new Uint8Array(Float32Array.from(floats).buffer) };
}
