/** Where a model is: in the directory that is named or, by its name, among the models that come with the package. */
import { InputError } from "../base/errors.ts";
import { quote } from "../formats/json-scanner.ts";
import { exists, isDirectory, listDirectory } from "../platform/files.ts";
import { packageDirectory } from "../platform/package.ts";

/**
 * Returns the directory of the model `named`, a path or the name of a model that comes along. A directory of that name, here,
 * goes before.
 * @throws InputError if a name is neither
 */
export function modelDirectory(named: string): string {
  if (/[/\\]/.test(named) || exists(named)) return named;
  const models = `${packageDirectory() ?? "."}/models`;
  const names = isDirectory(models) ? listDirectory(models).filter(({ kind }) => kind === "directory") : [];
  if (names.some(({ name }) => name === named)) return `${models}/${named}`;
  const known = names.map(({ name }) => name).join(", ");
  throw new InputError(
    `there is no directory ${quote(named)}, and no model of that name comes along (there is ${known || "none"})`,
  );
}
