/**
 * Guards a document of which only what enters the memories was computed. The contexts of layers behind the last memory do not hold it, so
 * nothing in it may be predicted before it has ended.
 */
import { InputError } from "../base/errors.ts";

export class MemorizedDocument {
  private begun = false;
  private next = false;

  /**
   * Says whether the tokens that come next are read for the memories alone.
   * @throws InputError if they continue a document that was read for the memories alone, and more is wanted
   */
  continue(forMemoriesAlone: boolean): void {
    if (!forMemoriesAlone) this.requireWhole();
    this.next = forMemoriesAlone;
  }

  /** Notes that they were read. */
  advance(): void {
    this.begun = this.next;
  }

  /** @throws InputError in a document that was read for the memories alone */
  requireWhole(): void {
    if (!this.begun) return;
    throw new InputError("this document was read for the memories alone; end it with endDocument() first");
  }

  /** Notes that the document has ended. */
  end(): void {
    this.begun = false;
  }
}
