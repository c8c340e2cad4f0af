/** `--include` and `--exclude`: which files of a directory are documents, by patterns such as `*.md`, `src/**` or `docs`. */
import picomatch from "picomatch";
import { isLeftOut, type Selection, visible } from "../data/directory.ts";
import { UsageError } from "./arguments/usage.ts";

/**
 * A pattern without a slash is compared with names, one with a slash with paths from the directory on. What matches a folder
 * counts for all that is in it. Hidden folders and node_modules are looked into only if an `include` names them.
 * @throws UsageError for a pattern that cannot be
 */
export function globSelection(include: readonly string[], exclude: readonly string[]): Selection {
  if (include.length === 0 && exclude.length === 0) return visible;
  const isWanted = include.length === 0 ? () => true : matcher(include, "--include");
  const isUnwanted = matcher(exclude, "--exclude");
  const isNamed = matcher(include.flatMap(hiddenNames), "--include");
  return {
    what: "file that --include and --exclude choose",
    chooses(path, isDirectory) {
      if (isUnwanted(path)) return false;
      if (isLeftOut(path, isDirectory) && !isNamed(path.slice(path.lastIndexOf("/") + 1))) return false;
      return isDirectory || foldersAnd(path).some(isWanted);
    },
  };
}

/** Whether a path matches one of the patterns; none if there are none. */
function matcher(patterns: readonly string[], option: string): (path: string) => boolean {
  const tests = patterns.map((pattern) => {
    try {
      const glob = pattern.replace(/^\.\//, "").replace(/\/+$/, "");
      return picomatch(glob, { basename: !glob.includes("/"), dot: true });
    } catch {
      throw new UsageError(`${option} "${pattern}" is not a pattern; write one as in "*.md" or "src/**"`);
    }
  });
  return (path) => tests.some((test) => test(path));
}

/** The parts of a pattern that name what would be left out. */
function hiddenNames(pattern: string): string[] {
  return pattern.split("/").filter((part) => /^\.[^./]|^node_modules$/.test(part));
}

/** `a/b/c`: a, a/b and a/b/c. */
function foldersAnd(path: string): string[] {
  const parts = path.split("/");
  return parts.map((_, i) => parts.slice(0, i + 1).join("/"));
}
