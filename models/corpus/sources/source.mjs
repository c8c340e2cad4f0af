/**
 * One source of the corpus: a package of a registry, or a folder of one's own, and what is read of it.
 *
 * - `endings` of the names of the files that are read, in all `folders` of the package unless some are named
 * - `skip`, a pattern of paths that are not read; `tests`, that folders of tests are
 * - `most` characters, whole folders of `depth` levels together, in an `order` (see documents.mjs)
 * - `each`, that every file is a document, of at most `most` characters
 * - `as`, the document's name, if not the package's; `split`, "train" if absent
 */

const K = 1_000;

export const npm = (...source) => packageOf("npm", ...source);
export const pypi = (...source) => packageOf("pypi", ...source);
/** A version may end in `*`, where Debian still mends the package. */
export const debian = (...source) => packageOf("debian", ...source);

/**
 * @param from name and version, with a space between
 * @param most thousands of characters
 */
function packageOf(registry, from, licence, endings, most, options) {
  const [name, version] = from.split(" ");
  return { registry, name, version, licence, endings, most: most * K, ...options };
}

/** A folder of one's own, of text files. */
export function local(name, licence, options) {
  return { registry: "local", name, version: "", licence, endings: [".txt"], ...options };
}

/** The sources with their kind: code, proofs, latex, prose or docs. */
export function ofKind(kind, sources) {
  return sources.map((source) => ({ kind, ...source }));
}

export const C = [".c", ".h", ".cc", ".cpp", ".hpp", ".ipp", ".inl", ".cu"];
export const JS = [".js", ".mjs", ".cjs", ".jsx"];
export const TS = [".ts", ".tsx"];
export const TEX = [".tex", ".ltx"];
