/**
 * Memories that the browser keeps between visits, each in a file of the site's own file system (OPFS), in the format of the command
 * line. A file is replaced when its last byte is written, so a tab that is closed in the middle loses no memory.
 */
import type { KeptMemory } from "../engine/calls.ts";

const SUFFIX = ".memory.safetensors";

export class KeptMemories {
  async list(): Promise<KeptMemory[]> {
    const found: KeptMemory[] = [];
    for await (const entry of (await folder()).values()) {
      if (entry.kind !== "file" || !entry.name.endsWith(SUFFIX)) continue;
      const { size } = await (entry as FileSystemFileHandle).getFile();
      if (size > 0) found.push({ name: entry.name, bytes: size });
    }
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Keeps the bytes of a memory's file under a name made from `name`, with a number behind it if another memory has that name. */
  async save(name: string, bytes: Uint8Array): Promise<KeptMemory> {
    const file = await this.freeName(fileName(name), bytes);
    const handle = await (await folder()).getFileHandle(file, { create: true });
    try {
      const stream = await handle.createWritable();
      await stream.write(bytes as Uint8Array<ArrayBuffer>);
      await stream.close();
    } catch (error) {
      const isFull = error instanceof DOMException && error.name === "QuotaExceededError";
      throw isFull ? new Error(`this browser has no room for ${file}; delete another memory first`) : error;
    }
    return { name: file, bytes: bytes.length };
  }

  /** The name itself if no memory, or the same one, has it. */
  private async freeName(name: string, bytes: Uint8Array): Promise<string> {
    const there = new Map((await this.list()).map((memory) => [memory.name, memory.bytes]));
    const isFree = async (file: string) =>
      !there.has(file) || (there.get(file) === bytes.length && (await holds(await this.file(file), bytes)));
    for (let number = 2, file = name; ; number++) {
      if (await isFree(file)) return file;
      file = name.replace(SUFFIX, `-${number}${SUFFIX}`);
    }
  }

  async file(name: string): Promise<File> {
    return (await (await folder()).getFileHandle(name)).getFile();
  }

  async remove(name: string): Promise<void> {
    await (await folder()).removeEntry(name);
  }
}

/** Whether a file has exactly these bytes. */
async function holds(file: File, bytes: Uint8Array): Promise<boolean> {
  const found = new Uint8Array(await file.arrayBuffer());
  return found.length === bytes.length && found.every((byte, i) => byte === bytes[i]);
}

async function folder(): Promise<FileSystemDirectoryHandle & { values(): AsyncIterable<FileSystemHandle> }> {
  if (navigator.storage?.getDirectory === undefined) {
    throw new Error("this browser keeps no files for pages, or not for this one; save memories as files instead");
  }
  const root = await navigator.storage.getDirectory();
  const memories = await root.getDirectoryHandle("memories", { create: true });
  return memories as FileSystemDirectoryHandle & { values(): AsyncIterable<FileSystemHandle> };
}

/** A name that every file system takes. */
function fileName(name: string): string {
  const bare = name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : name;
  const safe = bare.replaceAll(/[^\p{L}\p{N}._-]+/gu, "-").replaceAll(/^[.-]+|[.-]+$/g, "");
  return `${safe.slice(0, 80) || "memory"}${SUFFIX}`;
}
