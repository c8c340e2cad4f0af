/** The directory or file of a model, given by its path or by the name of a model in the package. */
import { InputError } from "../base/errors.ts";
import { quote } from "../formats/json-scanner.ts";
import { exists, isDirectory, listDirectory } from "../platform/files.ts";
import { packageDirectory } from "../platform/package.ts";

/**
 * Returns the directory, or the file, of the model `named`, a path or the name of a model in the package. A directory of that name in the
 * current one takes precedence.
 * @throws InputError if it is neither
 */
export function modelDirectory(named: string): string {
  if (/[/\\]/.test(named) || exists(named)) return named;
  const models = `${packageDirectory() ?? "."}/models`;
  const names = isDirectory(models)
    ? listDirectory(models).filter(({ name }) => exists(`${models}/${name}/config.json`))
    : [];
  if (names.some(({ name }) => name === named)) return `${models}/${named}`;
  const known = names.map(({ name }) => name).join(", ");
  throw new InputError(
    `there is no directory or file ${quote(named)}, and the package has no model of that name (it has ${known || "none"})`,
  );
}
