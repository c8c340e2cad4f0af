/**
 * Licences within TeX Live: a Debian package of it holds hundreds of LaTeX packages, and a file Licenses.gz that gives
 * the licence of each, and its folders. Only the permissive ones are taken.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

const PERMISSIVE = /^(lppl[0-9.a-c]*|mit|bsd[234]?|apache2?|pd|cc0|cc-by(-[1-4])?|isc)$/;
const FOLDER_OF_PACKAGE = /(?:texlive-doc|texmf-dist\/doc)\/([^/]+\/[^/]+)\//;

/** A function that tells whether the file at a path belongs to a package with a permissive licence. */
export function permissiveWithin(root, name) {
  const list = gunzipSync(readFileSync(join(root, "usr/share/doc", name, "Licenses.gz"))).toString("latin1");
  const permissive = new Set();
  let isPermissive = false;
  for (const line of list.split("\n")) {
    const folder = /^texmf-dist\/doc\/([^/]+\/[^/]+)\//.exec(line)?.[1];
    if (folder === undefined) isPermissive = isPermissiveHeading(line) ?? isPermissive;
    else if (isPermissive) permissive.add(folder);
  }
  return (path) => permissive.has(FOLDER_OF_PACKAGE.exec(path)?.[1]);
}

/** Whether a heading such as `amsmath: lppl1.3c` has permissive licences alone; undefined if the line is no heading. */
function isPermissiveHeading(line) {
  const licences = /^[^ /]+: ?(.*)$/.exec(line)?.[1];
  if (licences === undefined) return undefined;
  const words = licences.split(" ").filter((word) => word !== "");
  return words.length > 0 && words.every((word) => PERMISSIVE.test(word));
}
