/** The place of a line of a document, for people. It also runs in the report's page, so it refers to nothing else. */

/** One of the files that make up a document. */
export interface FileOfText {
  /** Its name, perhaps with a path. */
  readonly name: string;
  /** The line of the document on which the file begins, from 1. */
  readonly firstLine: number;
}

/** Returns `line 12`, or `notes.md, line 12` if the document has files, which are in order. */
export function placeOfLine(line: number, files: readonly FileOfText[]): string {
  const file = files.filter(({ firstLine }) => firstLine <= line).at(-1);
  return file === undefined ? `line ${line}` : `${file.name}, line ${line - file.firstLine + 1}`;
}
