/**
 * Node's modules, for files that browsers load as well. A module is requested when it is needed, where it exists (Node, Deno,
 * Bun). Bundlers see no import here, and a page loads nothing.
 */

interface NodeProcess {
  readonly getBuiltinModule?: (name: string) => unknown;
}

/** Returns the module called `name`, of type T, or undefined where it does not exist. */
export function builtin<T>(name: string): T | undefined {
  const { process } = globalThis as { readonly process?: NodeProcess };
  return process?.getBuiltinModule?.(name) as T | undefined;
}
