/** Checks that a memory can take the keys and values of a row, and a file can keep them. */
import { checkOptions, either, instance, type Kinds } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { firstNotFinite } from "../wasm/half.ts";
import type { MemoryContents } from "./options.ts";

const storedNumbers = either(
  instance(Float32Array, "a Float32Array"),
  instance(Uint16Array, "a Uint16Array of halves"),
);
const contentsKinds: Kinds<MemoryContents> = { keys: storedNumbers, values: storedNumbers };

/** @throws InputError if the contents are not whole pairs of `heads` heads of width `width`, or are not finite */
export function requireContents(contents: MemoryContents, heads: number, width: number): void {
  checkOptions("the contents of a memory", contents, contentsKinds);
  const { keys, values } = contents;
  if (keys.length % (heads * width) !== 0) {
    throw new InputError(
      `keys: got ${keys.length} numbers; they must be whole pairs of ${heads} heads of width ${width}`,
    );
  }
  if (values.length !== keys.length) {
    throw new InputError(
      `values: got ${values.length} numbers; there must be ${keys.length}, one for each number of keys`,
    );
  }
  for (const [name, numbers] of Object.entries({ keys, values })) {
    const place = firstNotFinite(numbers);
    if (place >= 0)
      throw new InputError(`${name}: number ${place} is not finite; a memory's file can hold only finite numbers`);
  }
}
