/**
 * Modules of Node, for files that browsers load, too: asked for when they are needed, where there are any (Node, Deno, Bun).
 * No bundler sees an import here, and nothing is loaded in a page.
 */

interface NodeProcess {
  readonly getBuiltinModule?: (name: string) => unknown;
}

/** Returns the module called `name`, whose type is T; undefined where there is no such thing. */
export function builtin<T>(name: string): T | undefined {
  const { process } = globalThis as { readonly process?: NodeProcess };
  return process?.getBuiltinModule?.(name) as T | undefined;
}
