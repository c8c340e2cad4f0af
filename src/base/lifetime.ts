/**
 * The lifetime of an object that owns memory outside the garbage collector. It ends at the first `release()`; later uses throw.
 * Otherwise they would overwrite the next owner of the same bytes.
 */

/** Thrown when something is used after its `release()`; names it. */
export class ReleasedError extends Error {
  /** The name of the class, for code that sees only the name. */
  override name = "ReleasedError";
}

export class Lifetime {
  private readonly what: string;
  private over = false;

  /** `what`: how messages call the owner, such as `this Reader`. */
  constructor(what: string) {
    this.what = what;
  }

  /** Whether it has ended. */
  get ended(): boolean {
    return this.over;
  }

  /** @throws ReleasedError if it has ended */
  require(): void {
    if (this.over) throw new ReleasedError(`${this.what} was released and cannot be used any more; make another one`);
  }

  /** Ends it: runs `giveBack`, but only the first time. */
  end(giveBack: () => void): void {
    if (this.over) return;
    this.over = true;
    giveBack();
  }
}

/** A thing that frees its buffers at `release()`. */
export interface Releasable {
  /** Gives its memory back; it must not be used afterwards. */
  release(): void;
}

/** Takes note of something that is to be released, and returns it. */
export type Own = <R extends Releasable>(part: R) => R;

/**
 * The result of `make`, which hands what it takes to `own` as it goes. If it throws, all of that is released: nobody else
 * could, since it has no owner yet.
 */
export function allOrNothing<T>(make: (own: Own) => T): T {
  const parts: Releasable[] = [];
  try {
    return make((part) => {
      parts.push(part);
      return part;
    });
  } catch (error) {
    for (const part of parts.reverse()) part.release();
    throw error;
  }
}
