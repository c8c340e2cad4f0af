/**
 * The file of single losses that an evaluation can write: a JSON line for each token and memory size. There may be millions,
 * so they are written as they come, under another name; the file appears when it is complete.
 */
import { UnfinishedFile } from "../platform/unfinished-file.ts";
import type { TokenLoss } from "../train/evaluate.ts";

const LINES_A_WRITE = 4096;

export class LossesFile {
  private readonly file: UnfinishedFile;
  private lines: string[] = [];

  /** @throws InputError if `path` cannot be written */
  constructor(path: string) {
    this.file = new UnfinishedFile(path);
  }

  add({ document, index, token, memory, nats }: TokenLoss): void {
    this.lines.push(`${JSON.stringify({ document, index, token, memory, nats })}\n`);
    if (this.lines.length >= LINES_A_WRITE) this.flush();
  }

  /** Completes the file and puts it in its place. */
  finish(): void {
    this.flush();
    this.file.complete();
    this.file.publish();
  }

  /** Discards the unfinished file. */
  discard(): void {
    this.file.discard();
  }

  private flush(): void {
    this.file.write(this.lines.join(""));
    this.lines = [];
  }
}

/** Whether a file that begins with `text` is a file of losses. */
export function beginsAsLosses(text: string): boolean {
  return /^\{"document":".*","index":\d+,"token":\d+,"memory":\d+,"nats":/.test(text);
}
