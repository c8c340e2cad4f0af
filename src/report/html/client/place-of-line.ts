/** Where a line of a document stands, for people. It runs in the report's page as well, so it refers to nothing else. */

/** One of the files that a document was joined of. */
export interface FileOfText {
  readonly name: string;
  /** The line of the document on which the file begins, from 1. */
  readonly firstLine: number;
}

/** `line 12`, or `notes.md, line 12` where the document has files, which come in order. */
export function placeOfLine(line: number, files: readonly FileOfText[]): string {
  const file = files.filter(({ firstLine }) => firstLine <= line).at(-1);
  return file === undefined ? `line ${line}` : `${file.name}, line ${line - file.firstLine + 1}`;
}
