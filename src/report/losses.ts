/**
 * The file of single losses that an evaluation can write: a JSON line for each token and memory size. There may be millions,
 * so they are written as they come, beside the file, which appears when it is whole.
 */
import { renameSync } from "node:fs";
import { dirname } from "node:path";
import { pid } from "node:process";
import { InputError } from "../base/errors.ts";
import { appendText, isDirectory, makeDirectory, removeFile } from "../platform/files.ts";
import type { TokenLoss } from "../train/evaluate.ts";

const LINES_A_WRITE = 4096;

export class LossesFile {
  private readonly path: string;
  private readonly temporary: string;
  private lines: string[] = [];

  /** @throws InputError if nothing can be written at `path` */
  constructor(path: string) {
    if (isDirectory(path)) throw new InputError(`cannot write ${path}: it is a directory, a file is needed`);
    makeDirectory(dirname(path));
    this.path = path;
    this.temporary = `${path}.tmp-${pid}`;
    appendText(this.temporary, "");
  }

  add({ document, index, token, memory, nats }: TokenLoss): void {
    this.lines.push(`${JSON.stringify({ document, index, token, memory, nats })}\n`);
    if (this.lines.length >= LINES_A_WRITE) this.flush();
  }

  /** All losses are there: puts the file in its place. */
  finish(): void {
    this.flush();
    renameSync(this.temporary, this.path);
  }

  /** Leaves nothing behind. */
  discard(): void {
    removeFile(this.temporary);
  }

  private flush(): void {
    appendText(this.temporary, this.lines.join(""));
    this.lines = [];
  }
}
