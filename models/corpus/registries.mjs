/**
 * Fetches packages from npm, PyPI and Debian with each registry's own client, and unpacks them without installing them.
 *
 * A package is kept in its own folder, so that it is fetched once. A folder without the mark was left by a run that broke off.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** Holds the version that was fetched. */
const MARK = ".fetched";
const CLIENTS = { npm: fetchNpm, pypi: fetchPypi, debian: fetchDebian };

/**
 * Returns the folder with the contents of a source, that of an unpacked package or for `local` a folder of `corpora`, and
 * the exact version.
 * @throws Error with one sentence if the package cannot be had
 */
export function fetched({ registry, name, version }, { packages, corpora }) {
  if (registry === "local") return { root: join(corpora, name), version };
  const root = join(resolve(packages), registry, `${name.replaceAll("/", "-")}-${version.replace("*", "")}`);
  const mark = join(root, MARK);
  if (existsSync(mark)) return { root, version: readFileSync(mark, "utf8") };
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true });
  const exact = fetch({ registry, name, version }, root);
  writeFileSync(mark, exact);
  return { root, version: exact };
}

/** Unpacks a package into `target`, and returns its exact version. */
function fetch({ registry, name, version }, target) {
  try {
    return CLIENTS[registry](name, version, target);
  } catch (error) {
    const reason =
      String(error.stderr ?? "")
        .trim()
        .split("\n")
        .at(-1) || error.message;
    throw new Error(`${name} ${version} could not be fetched from ${registry}: ${reason}`);
  }
}

function fetchNpm(name, version, target) {
  run(target, "npm", ["pack", "--silent", `${name}@${version}`]);
  unpack(target, (archive) => run(target, "tar", ["xzf", archive, "--strip-components=1"]));
  return version;
}

/** A wheel, for unlike a source archive it is unpacked without running anything of the package. */
function fetchPypi(name, version, target) {
  const quiet = ["--quiet", "--no-deps", "--no-cache-dir", "--disable-pip-version-check"];
  run(target, "pip", ["download", ...quiet, "--only-binary=:all:", `${name}==${version}`]);
  unpack(target, (archive) => run(target, "python3", ["-m", "zipfile", "-e", archive, "."]));
  return version;
}

/** `version` may end in `*`, for a package that Debian still mends. The file is `name_version_architecture.deb`. */
function fetchDebian(name, version, target) {
  run(target, "apt-get", ["download", "--quiet", `${name}=${version}`]);
  const archive = unpack(target, (file) => run(target, "dpkg-deb", ["--extract", file, "."]));
  return decodeURIComponent(archive.split("_")[1]);
}

/** Has the only file in a folder unpacked, removes it, and returns its name. */
function unpack(folder, command) {
  const [archive] = readdirSync(folder);
  command(archive);
  rmSync(join(folder, archive));
  return archive;
}

function run(cwd, command, args) {
  execFileSync(command, args, { cwd, stdio: ["ignore", "ignore", "pipe"] });
}
