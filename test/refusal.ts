/** For tests of bad input: what the user is told. */
import * as assert from "uvu/assert";
import { InputError } from "../src/base/errors.ts";

/** The sentence with which `action` is refused; fails if it is not refused, or not with an InputError. */
export function refusal(action: () => unknown): string {
  let thrown: unknown = "nothing";
  try {
    action();
  } catch (error) {
    thrown = error;
  }
  assert.instance(thrown, InputError, `expected an InputError, but ${thrown} was thrown`);
  return (thrown as InputError).message;
}
