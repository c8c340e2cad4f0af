/**
 * Fetches packages from npm, PyPI and Debian with each registry's own client, and unpacks them without installing them.
 *
 * A package is kept in its own folder, so that it is fetched once. A folder without the mark was left by a run that broke off.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const MARK = ".fetched";
const REGISTRIES = { npm: fetchNpm, pypi: fetchPypi, debian: fetchDebian };

/**
 * Returns the folder with the contents of a source: that of an unpacked package, or for `local` a folder of `corpora`.
 * @throws Error with one sentence if the package cannot be had
 */
export function rootOf(source, { packages, corpora }) {
  if (source.registry === "local") return join(corpora, source.name);
  return unpacked(source, resolve(packages));
}

function unpacked({ registry, name, version }, packages) {
  const target = join(packages, registry, `${name.replaceAll("/", "-")}-${version.replace("*", "")}`);
  if (existsSync(join(target, MARK))) return target;
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  try {
    REGISTRIES[registry](name, version, target);
  } catch (error) {
    const reason = String(error.stderr ?? "").trim().split("\n").at(-1) || error.message;
    throw new Error(`${registry} has no ${name} of version ${version} for this machine: ${reason}`);
  }
  writeFileSync(join(target, MARK), "");
  return target;
}

function fetchNpm(name, version, target) {
  run(target, "npm", ["pack", "--silent", `${name}@${version}`]);
  const archive = onlyFileOf(target);
  run(target, "tar", ["xzf", archive, "--strip-components=1"]);
  rmSync(join(target, archive));
}

/** A wheel where there is one: unlike a source archive, it is unpacked without running anything of the package. */
function fetchPypi(name, version, target) {
  const quiet = ["--quiet", "--no-deps", "--no-cache-dir", "--disable-pip-version-check"];
  run(target, "pip", ["download", ...quiet, "--only-binary=:all:", `${name}==${version}`]);
  const archive = onlyFileOf(target);
  run(target, "python3", ["-m", "zipfile", "-e", archive, "."]);
  rmSync(join(target, archive));
}

/** `version` may end in `*`, for a version that Debian's security team goes on mending. */
function fetchDebian(name, version, target) {
  run(target, "apt-get", ["download", "--quiet", `${name}=${version}`]);
  const archive = onlyFileOf(target);
  run(target, "dpkg-deb", ["--extract", archive, "."]);
  rmSync(join(target, archive));
}

function onlyFileOf(folder) {
  const [name] = readdirSync(folder);
  return name;
}

function run(cwd, command, args) {
  execFileSync(command, args, { cwd, stdio: ["ignore", "ignore", "pipe"] });
}
