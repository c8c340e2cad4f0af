/** Damaged and hostile safetensors files are refused in one sentence that names the file and the tensor. */
import process from "node:process";
import * as assert from "uvu/assert";
import { InputError } from "../../src/base/errors.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import { suite } from "../harness.ts";
import { everyDtype, fileOf, rawFile } from "./safetensors-files.ts";

const test = suite("damaged safetensors");

/** The sentence with which the reader refuses `bytes`. */
function refusal(bytes: Uint8Array): string {
  try {
    readSafetensors(bytes, "dir/x.safetensors");
  } catch (error) {
    assert.instance(error, InputError);
    const { message } = error as Error;
    assert.match(message, /^dir\/x\.safetensors: [^\n]*$/);
    assert.ok(message.length < 500, message);
    return message;
  }
  return assert.unreachable("nothing was refused") as never;
}

/** Header of one F32 tensor "w" of shape [2] at bytes 0 to 8, with some fields replaced. */
function oneTensor(changes: Record<string, unknown>): Record<string, unknown> {
  return { w: { dtype: "F32", shape: [2], data_offsets: [0, 8], ...changes } };
}

test("a small example, written out: two floats take 8 bytes, so three do not fit", () => {
  const float = { dtype: "F32", shape: [3], data_offsets: [0, 8] };
  assert.is(
    refusal(fileOf({ w: float }, 8)),
    'dir/x.safetensors: tensor "w" has 8 bytes, but F32 and shape [3] needs 12',
  );
});

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

test("a file cut anywhere is refused", () => {
  const bytes = writeSafetensors(everyDtype(), { a: "b" });
  for (let length = 0; length < bytes.length; length++) refusal(bytes.subarray(0, length));
});

test("bytes after the last tensor are refused", () => {
  assert.match(refusal(fileOf(oneTensor({}), 9)), "its tensors end at byte 8 of 9 bytes of data");
  assert.match(refusal(fileOf("{}", 1)), "its tensors end at byte 0 of 1 bytes of data");
});

test("data cut short name the tensor that lost them", () => {
  assert.match(refusal(fileOf(oneTensor({}), 7)), 'tensor "w" has bytes 0 to 8, but the file has only 7');
});

test("a header longer than the file, or than 100 MB, is refused before anything is read", () => {
  const header = new TextEncoder().encode("{}");
  for (const claim of [3n, 2n ** 31n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
    assert.match(refusal(rawFile(header, 0, claim)), `its header would be ${claim} bytes, at most 2 are possible`);
  }
  const large = new Uint8Array(100_000_010);
  new DataView(large.buffer).setBigUint64(0, 100_000_001n, true);
  assert.match(refusal(large), "its header would be 100000001 bytes, at most 100000000 are possible");
});

test("a header that is not UTF-8, not JSON or not an object is refused", () => {
  assert.match(refusal(rawFile(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d), 0)), "its header is not UTF-8 text");
  const broken = [
    "[]",
    "null",
    '"x"',
    "12",
    "  ",
    "{",
    '{"',
    '{"w',
    '{"w"',
    '{"w":',
    "{'w':1}",
    "{,}",
    "{} {}",
    "{}x",
    '\ufeff{"a":1}',
  ];
  for (const header of broken) assert.match(refusal(fileOf(header.padEnd(2), 0)), "not a valid safetensors file: ");
});

test("strings are strings of JSON, and nothing laxer", () => {
  for (const name of ['"\\x"', '"\n"', '"\\u12"', '"\\"', "w"]) {
    refusal(fileOf(`{${name}: {"dtype": "U8", "shape": [], "data_offsets": [0, 1]}}`, 1));
  }
});

test("two tensors of one name, and two fields of one name, are refused", () => {
  const w = '{"dtype": "U8", "shape": [], "data_offsets": [0, 1]}';
  assert.match(refusal(fileOf(`{"w": ${w}, "w": ${w}}`, 1)), '"w" appears twice in the header');
  assert.match(refusal(fileOf(`{"w": ${w}, "\\u0077": ${w}}`, 1)), '"w" appears twice in the header');
  const field = '{"w": {"dtype": "U8", "dtype": "U8", "shape": [], "data_offsets": [0, 1]}}';
  assert.match(refusal(fileOf(field, 1)), '"dtype" appears twice in tensor "w"');
  assert.match(refusal(fileOf('{"__metadata__": {"a": "1", "a": "2"}}', 0)), '"a" appears twice in __metadata__');
});

test("metadata that are not texts are refused", () => {
  for (const metadata of [1, null, [], { a: 1 }, { a: null }, { a: { b: "c" } }]) {
    assert.match(refusal(fileOf({ __metadata__: metadata }, 0)), "__metadata__");
  }
});

test("an unknown dtype is refused with those that can be read", () => {
  for (const dtype of ["F8_E4M3", "f32", "", "toString", "__proto__"]) {
    const message = refusal(fileOf(oneTensor({ dtype }), 8));
    assert.match(message, `tensor "w" has dtype "${dtype}"; readable are F32, F16, BF16, I32, U32, I64, U8`);
  }
});

test("fields of a wrong type, missing or unknown are refused, naming the tensor", () => {
  const wrong: Record<string, unknown>[] = [
    { dtype: 32 },
    { dtype: null },
    { dtype: undefined },
    { shape: undefined },
    { data_offsets: undefined },
    { shape: 2 },
    { shape: ["2"] },
    { shape: [[2]] },
    { shape: [2.5] },
    { shape: [-2] },
    { shape: { 0: 2 } },
    { data_offsets: [0] },
    { data_offsets: [0, 8, 8] },
    { data_offsets: [-8, 0] },
    { data_offsets: [0, "8"] },
    { strides: [1] },
  ];
  for (const changes of wrong) assert.match(refusal(fileOf(oneTensor(changes), 8)), 'tensor "w"');
  for (const tensor of [1, null, [], "F32"]) assert.match(refusal(fileOf({ w: tensor }, 8)), 'tensor "w" must begin');
});

test("numbers are plain digits", () => {
  for (const number of ["8.0", "8e0", "08", "+8", "0x8", "", "8n", "9007199254740992", "1e400", "9".repeat(1000)]) {
    const header = `{"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, ${number}]}}`;
    assert.match(refusal(fileOf(header, 8)), 'data_offsets of tensor "w"');
  }
});

test("a shape that does not fit the bytes is refused, also where the product overflows", () => {
  const largest = Number.MAX_SAFE_INTEGER;
  const shapes = [[3], [1], [], [0], [2, 2], [2 ** 32, 2 ** 32], [largest, largest], Array(40).fill(largest)];
  for (const shape of [...shapes, [...Array(40).fill(largest), 0]]) {
    assert.match(refusal(fileOf(oneTensor({ shape }), 8)), /tensor "w" has 8 bytes, but F32 and shape \[.*\] needs /);
  }
  assert.match(refusal(fileOf(oneTensor({ data_offsets: [0, 7] }), 7)), "has 7 bytes, but F32 and shape [2] needs 8");
});

test("offsets that overlap, leave a gap, run backwards or leave the file are refused", () => {
  const pair = (a: number[], b: number[]) => ({
    a: { dtype: "U8", shape: [a[1] - a[0]], data_offsets: a },
    b: { dtype: "U8", shape: [Math.max(0, b[1] - b[0])], data_offsets: b },
  });
  assert.match(refusal(fileOf(pair([0, 4], [3, 8]), 8)), 'tensor "b" has bytes 3 to 8, which overlaps');
  assert.match(refusal(fileOf(pair([0, 8], [0, 8]), 8)), "overlaps");
  assert.match(refusal(fileOf(pair([0, 8], [3, 3]), 8)), "overlaps");
  assert.match(
    refusal(fileOf(pair([0, 4], [5, 8]), 8)),
    'tensor "b" has bytes 5 to 8, which leaves a gap after byte 4',
  );
  assert.match(
    refusal(fileOf(pair([1, 4], [4, 8]), 8)),
    'tensor "a" has bytes 1 to 4, which leaves a gap after byte 0',
  );
  assert.match(refusal(fileOf(pair([0, 8], [8, 4]), 8)), 'tensor "b" has bytes 8 to 4, which ends before it begins');
  const far = Number.MAX_SAFE_INTEGER;
  assert.match(refusal(fileOf(pair([0, 4], [4, far]), 8)), "but the file has only 8 bytes");
});

test("a deeply nested header is refused without exhausting the stack", () => {
  for (const nest of ["[", '{"a":', '{"w":{"shape":[']) {
    refusal(fileOf(nest.repeat(200_000), 0));
    refusal(fileOf(`{"w": ${nest.repeat(200_000)}`, 0));
    refusal(fileOf(`{"w": {"shape": ${nest.repeat(200_000)}`, 0));
  }
});

test("an endless name is cut short in the message", () => {
  assert.match(refusal(fileOf({ ["x".repeat(1e6)]: 1 }, 0)), "xxx…");
});

test("a header of five megabytes does not hang the reader", () => {
  const names = Array.from({ length: 60_000 }, (_, i) => [
    `tensor ${i}`,
    { dtype: "U8", shape: [0], data_offsets: [0, 0] },
  ]);
  const hostile = [JSON.stringify(Object.fromEntries(names)), `{"${'\\"'.repeat(2_500_000)}`, `{"w${"\\".repeat(5e6)}`];
  for (const header of hostile) {
    const bytes = fileOf(header, 0);
    const before = process.cpuUsage();
    if (header === hostile[0]) assert.is(readSafetensors(bytes, "x").tensors.size, 60_000);
    else refusal(bytes);
    assert.ok(process.cpuUsage(before).user < 20e6); // milliseconds of work when linear, minutes when quadratic
  }
});

test("whatever bytes are changed, the file is read whole or refused in one sentence", () => {
  const file = writeSafetensors(everyDtype(), { a: "b" });
  const random = seeded(20220315);
  const headerEnd = 8 + Number(new DataView(file.buffer).getBigUint64(0, true));
  let refused = 0;
  for (let round = 0; round < 20_000; round++) {
    const bytes = file.slice();
    for (let change = 0; change <= round % 3; change++) {
      bytes[Math.floor(random() * headerEnd)] =
        round % 2 === 0 ? random() * 256 : file[Math.floor(random() * headerEnd)];
    }
    refused += readOrRefuse(bytes) ? 0 : 1;
  }
  assert.ok(refused > 10_000 && refused < 20_000, `${refused} refused`);
});

test("whichever single bit of the header is changed, the file is read whole or refused in one sentence", () => {
  const file = writeSafetensors(everyDtype(), { a: "b" });
  const headerEnd = 8 + Number(new DataView(file.buffer).getBigUint64(0, true));
  for (let bit = 0; bit < headerEnd * 8; bit++) {
    const bytes = file.slice();
    bytes[bit >> 3] ^= 1 << (bit & 7);
    readOrRefuse(bytes);
  }
});

/** Whether `bytes` were accepted; if so every tensor has the elements of its shape and together they are all the data. */
function readOrRefuse(bytes: Uint8Array): boolean {
  let tensors: ReturnType<typeof readSafetensors>["tensors"];
  try {
    tensors = readSafetensors(bytes, "dir/x.safetensors").tensors;
  } catch (error) {
    assert.instance(error, InputError);
    assert.match((error as Error).message, /^dir\/x\.safetensors: /);
    return false;
  }
  let total = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
  for (const [name, { shape, data }] of tensors) {
    assert.is(
      data.length,
      shape.reduce((product, length) => product * length, 1),
      name,
    );
    total += data.byteLength;
  }
  assert.is(total, bytes.length);
  return true;
}
