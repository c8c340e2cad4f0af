/** The files of a model among those that were dropped or chosen: one .gguf, or a directory with a config.json. */
import type { FoundFile, GivenFile } from "../engine/calls.ts";
import { lastName, shownName } from "../names.ts";

/** Weights of a directory; the library reads the first two, and says what is wrong with the third. */
const WEIGHTS = /^(?:.+\.safetensors|model\.safetensors\.index\.json|pytorch_model.*\.bin)$/;
/** Files that say something of a model; others in its directory, such as weights for another program, stay where they are. */
const OF_A_MODEL = /\.(?:json|safetensors|gguf|txt|model|jinja)$/;

/** Whether the files are a model, and not documents. */
export function isModel(found: readonly FoundFile[]): boolean {
  const names = filesOfModel(found).map(({ name }) => name);
  return names.some((name) => name.endsWith(".gguf") || (WEIGHTS.test(name) && names.includes("config.json")));
}

/** A name for the model, that of the .gguf or of the directory, and its files by their own names. */
export function modelIn(found: readonly FoundFile[]): { name: string; files: GivenFile[] } {
  const files = filesOfModel(found);
  const gguf = files.find(({ name }) => name.endsWith(".gguf"));
  const folders = folderOf(found[0]?.path ?? "").split("/");
  const name = shownName(gguf?.name ?? (folders[0] || "your model"));
  return { name, files: files.filter(({ name }) => OF_A_MODEL.test(name)) };
}

/** The files next to the config.json or .gguf that has the fewest folders above it; all files, if there is none. */
function filesOfModel(found: readonly FoundFile[]): GivenFile[] {
  const depth = ({ path }: FoundFile) => path.split("/").length;
  const marks = found.filter(({ path }) => lastName(path) === "config.json" || path.endsWith(".gguf"));
  const top = marks.reduce<FoundFile | undefined>(
    (a, b) => (a !== undefined && depth(a) <= depth(b) ? a : b),
    undefined,
  );
  const beside = top === undefined ? found : found.filter(({ path }) => folderOf(path) === folderOf(top.path));
  return beside.map(({ path, data }) => ({ name: lastName(path), data }));
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}
