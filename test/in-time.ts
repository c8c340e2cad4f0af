/** For tests of what has to be in time, such as a sign of life before a lease is over: a busy machine may be late, and that is no fault. */

/** Milliseconds after which what is waited for hangs, on the slowest machine. */
export const HANGS = 600_000;

/** Runs `body` with so many milliseconds, and with 5 and 25 times as many if it fails: what is wrong fails with all of them. */
export async function inTime(shortest: number, body: (milliseconds: number) => Promise<void>): Promise<void> {
  for (const milliseconds of [shortest, 5 * shortest]) {
    const error = await body(milliseconds).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error === undefined) return;
  }
  await body(25 * shortest);
}
