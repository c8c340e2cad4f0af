/** Names of files, folders and models: how they are shown, and which are passed over. A name may hold anything. */

/** Controls, separators of lines, and marks and overrides of the writing direction (Unicode Annex 9). */
const TURNING = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** The name as part of one line, with a sign in place of what would change how the line is read. */
export function shownName(name: string): string {
  return name.replaceAll(TURNING, "\ufffd");
}

/** The name without the folders before it. */
export function lastName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Whether a file or folder is hidden, or put there by a package manager. */
export function isPassedOver(name: string): boolean {
  return name.startsWith(".") || name === "node_modules";
}

/** The first few names, and how many more there are. */
export function firstNames(names: readonly string[]): string {
  const rest = names.length - 3;
  return names.slice(0, 3).map(shownName).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}
