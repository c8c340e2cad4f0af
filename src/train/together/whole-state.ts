/** Reading a state that another leader left in an exchange, which may be incomplete or damaged. */
import { InputError } from "../../base/errors.ts";

/** The result of `read`, or undefined if what it reads is not whole. Then the run's own checkpoint takes its place. */
export async function ifWhole<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}
