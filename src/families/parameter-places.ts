/**
 * Where each parameter of a model lies in files of its family: in which tensor, and in which of its rows. Reading, checking that
 * nothing is left over, and writing back all follow this one table.
 */
import { quote } from "../formats/json-scanner.ts";
import type { Architecture } from "./architecture.ts";
import type { FileNames } from "./family.ts";
import { fileShape, type Layout } from "./layout.ts";
import { parameterShapes } from "./parameters.ts";

/** A parameter and its place in a file. */
export interface ParameterPlace {
  /** The canonical name. */
  readonly name: string;
  /** Its shape, [out, in] or [out]. */
  readonly shape: readonly number[];
  /** The tensor of the file. */
  readonly tensor: string;
  /** Its shape. */
  readonly tensorShape: readonly number[];
  readonly layout: Layout;
}

/** The places of all parameters, where names begin with `prefix`. */
export function parameterPlaces(architecture: Architecture, names: FileNames, prefix: string): ParameterPlace[] {
  return parameterShapes(architecture).map(({ name, shape }) => {
    const { module, layer, part } = partsOf(name);
    const layout = names.layout?.(module, architecture) ?? {};
    const tensor = `${tensorModule(module, layer, names, prefix)}.${part}`;
    return { name, shape, tensor, tensorShape: fileShape(shape, layout), layout };
  });
}

/** `layers.3.q.weight` → `layers.#.q`, 3, `weight`. */
function partsOf(name: string): { module: string; layer: string; part: string } {
  const end = name.lastIndexOf(".");
  const layer = /^layers\.(\d+)\./.exec(name)?.[1] ?? "";
  return { module: name.slice(0, end).replace(/^layers\.\d+/, "layers.#"), layer, part: name.slice(end + 1) };
}

function tensorModule(module: string, layer: string, names: FileNames, prefix: string): string {
  if (module === "head") return names.head;
  const inFile = names.modules[module];
  if (inFile === undefined) throw new Error(`no file of this family has a name for ${quote(module)}`);
  return prefix + inFile.replace("#", layer);
}
