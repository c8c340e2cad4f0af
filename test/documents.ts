/** The documents for users, and the blocks of code in them. */
import { readdirSync, readFileSync } from "node:fs";

const isCompiled = import.meta.url.includes("/dist/test/");

/** The root of the repository. */
export const root = new URL(isCompiled ? "../../" : "../", import.meta.url);

/** Markdown files with examples for a project that installs the package, as paths in the repository. */
export const guides = ["README.md", ...markdownIn("docs")];

/** Markdown files in a folder of the repository, as paths in the repository. */
export function markdownIn(folder: string): string[] {
  const names = readdirSync(new URL(folder, root)).filter((name) => name.endsWith(".md"));
  return names.sort().map((name) => `${folder}/${name}`);
}

/** The text of a file of the repository. */
export function read(path: string): string {
  return readFileSync(new URL(path, root), "utf8");
}

/** The contents of the fenced blocks of a language in Markdown texts, in order. */
export function blocks(language: string, ...texts: readonly string[]): string[] {
  const fenced = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, "g");
  return texts.flatMap((text) => [...text.matchAll(fenced)].map(([, code]) => code));
}
