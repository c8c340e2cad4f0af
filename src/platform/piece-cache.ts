/**
 * Pieces of files that were fetched, kept where the browser keeps a site's caches, so that a download goes on after an interruption and
 * is not repeated on the next visit. A file is kept in one version: what a server says of its size and state.
 */

/** What must be equal for two answers to be of the same file. */
export interface FileVersion {
  /** Bytes of the whole. */
  readonly size: number;
  /** Its ETag, or else the time of its last change, as the server says it; empty if it says neither. */
  readonly state: string;
}

/** The part of the Cache interface that is needed here. */
export interface PieceStore {
  match(url: string): Promise<Response | undefined>;
  put(url: string, response: Response): Promise<void>;
  delete(url: string): Promise<boolean>;
  keys(): Promise<readonly { readonly url: string }[]>;
}

const CACHE = "memorizing-transformer";

export class PieceCache {
  private readonly store: PieceStore;

  constructor(store: PieceStore) {
    this.store = store;
  }

  /** The cache of this site; undefined where there is none, as in Node, or in a page that was not served securely. */
  static async open(): Promise<PieceCache | undefined> {
    const store = await globalThis.caches?.open(CACHE).catch(() => undefined);
    return store && new PieceCache(store);
  }

  /** The version of which there are pieces. */
  async version(url: string): Promise<FileVersion | undefined> {
    const kept = await this.store.match(keyOf(url, "version"));
    return kept && ((await kept.json()) as FileVersion);
  }

  /** Forgets what there is of the file, and keeps pieces of this version from now on. A version without a state cannot be told from others. */
  async begin(url: string, version: FileVersion): Promise<void> {
    await this.forget(url);
    if (version.state !== "") await this.put(keyOf(url, "version"), JSON.stringify(version));
  }

  /** The piece that begins at byte `from`. */
  async piece(url: string, from: number): Promise<Uint8Array | undefined> {
    const kept = await this.store.match(keyOf(url, String(from)));
    return kept && new Uint8Array(await kept.arrayBuffer());
  }

  /** Keeps a piece of a version that was begun. */
  async keep(url: string, from: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.put(keyOf(url, String(from)), bytes);
  }

  private async forget(url: string): Promise<void> {
    const own = keyOf(url, "");
    for (const { url: key } of await this.store.keys()) if (key.startsWith(own)) await this.store.delete(key);
  }

  /** A full disk is no reason to stop: what is not kept is fetched again. */
  private async put(key: string, body: string | Uint8Array<ArrayBuffer>): Promise<void> {
    await this.store.put(key, new Response(body)).catch(() => {});
  }
}

/** Keys of a cache are addresses. */
function keyOf(url: string, part: string): string {
  const address = new URL(url);
  address.hash = "";
  return `${address.href}${address.search === "" ? "?" : "&"}memorizing-piece=${part}`;
}
