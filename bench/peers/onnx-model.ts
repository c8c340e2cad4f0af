/**
 * Writes an ONNX model of one node: the few fields of the protocol buffers that a runtime needs, encoded by hand
 * (onnx.proto3, field numbers next to each use), without optional fields or weights.
 */

export interface OnnxValue {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface OnnxNode {
  readonly op: string;
  /** Empty for ONNX's own operators; `com.microsoft` for the runtime's. */
  readonly domain: "" | "com.microsoft";
  readonly attributes: Readonly<Record<string, number>>;
  readonly inputs: readonly OnnxValue[];
  readonly output: OnnxValue;
}

const FLOAT = 1;
const ATTRIBUTE_FLOAT = 1;
const ATTRIBUTE_INT = 2;

export function onnxModel(node: OnnxNode): Uint8Array {
  return Uint8Array.from([
    ...integer(1, 8), // ModelProto.ir_version
    ...message(7, graph(node)),
    ...message(8, [...text(1, ""), ...integer(2, 17)]), // opset_import: domain, version
    ...message(8, [...text(1, "com.microsoft"), ...integer(2, 1)]),
  ]);
}

function graph(node: OnnxNode): number[] {
  return [
    ...message(1, nodeProto(node)), // GraphProto.node
    ...text(2, "bench"),
    ...node.inputs.flatMap((value) => message(11, valueInfo(value))),
    ...message(12, valueInfo(node.output)),
  ];
}

function nodeProto({ op, domain, attributes, inputs, output }: OnnxNode): number[] {
  return [
    ...inputs.flatMap(({ name }) => text(1, name)), // NodeProto.input
    ...text(2, output.name),
    ...text(4, op),
    ...Object.entries(attributes).flatMap(([name, value]) => message(5, attribute(name, value))),
    ...text(7, domain),
  ];
}

function attribute(name: string, value: number): number[] {
  return Number.isInteger(value)
    ? [...text(1, name), ...integer(3, value), ...integer(20, ATTRIBUTE_INT)]
    : [...text(1, name), ...float(2, value), ...integer(20, ATTRIBUTE_FLOAT)];
}

function valueInfo({ name, shape }: OnnxValue): number[] {
  const dimensions = shape.flatMap((extent) => message(1, integer(1, extent))); // TensorShapeProto.dim.dim_value
  const tensorType = [...integer(1, FLOAT), ...message(2, dimensions)]; // elem_type, shape
  return [...text(1, name), ...message(2, message(1, tensorType))];
}

/** Encodes a field of wire type 0. */
function integer(field: number, value: number): number[] {
  return [...varint(field << 3), ...varint(value)];
}

/** Encodes a field of wire type 5. */
function float(field: number, value: number): number[] {
  return [...varint((field << 3) | 5), ...new Uint8Array(Float32Array.of(value).buffer)];
}

/** Encodes a field of wire type 2. */
function message(field: number, content: readonly number[]): number[] {
  return [...varint((field << 3) | 2), ...varint(content.length), ...content];
}

function text(field: number, value: string): number[] {
  return message(field, [...new TextEncoder().encode(value)]);
}

/** Encodes an integer. Negative numbers take ten bytes, as 64-bit two's complement. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return bytes;
}
