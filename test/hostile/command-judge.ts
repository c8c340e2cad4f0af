/** Whether a command line changed only what it was told to, however it ended. */
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import * as assert from "uvu/assert";
import type { CommandLine } from "./command-lines.ts";
import { type Kind, kindOf, type Snapshot, snapshotOf } from "./command-world.ts";

const BINARY: readonly Kind[] = ["memory", "weights", "training"];
const MODEL_FILES = ["config.json", "model.safetensors", "tokenizer.json", "trainer.json", "trainer.safetensors"];

/** A command line before it is run: what is there, what it reads, and which paths it may write. */
export class Judge {
  private readonly root: string;
  private readonly before: Snapshot;
  private readonly line: CommandLine;
  private readonly inputs: ReadonlySet<string>;
  /** Seen from the root, without links; with the kind of file that belongs there. */
  private readonly writes: ReadonlyMap<string, Kind>;

  constructor(root: string, before: Snapshot, line: CommandLine) {
    this.root = root;
    this.before = before;
    this.line = line;
    this.inputs = new Set([...this.filesRead()].map((path) => before.get(path)?.inode ?? ""));
    const writes = Object.entries(line.writes);
    this.writes = new Map(writes.map(([path, kind]) => [this.placeOf(path, writes.length === 1), kind]));
  }

  /** After the line was run: throws for what must not be. Returns whether anything changed. */
  requireInnocence(code: number | null): boolean {
    const after = snapshotOf(this.root);
    const changed = [...this.before.keys(), ...after.keys()].filter((path) => {
      const [old, now] = [this.before.get(path), after.get(path)];
      return old?.type !== now?.type || old?.content !== now?.content || old?.mode !== now?.mode;
    });
    if (code !== 0) assert.equal(changed, [], "it was refused, and changed something all the same");
    for (const path of changed) this.requireAllowed(path, after);
    return changed.length > 0;
  }

  private requireAllowed(path: string, after: Snapshot): void {
    const [old, now] = [this.before.get(path), after.get(path)];
    assert.not.match(path, /\.tmp-|\.lock/, "something unfinished was left");
    const isNewDirectory = old === undefined && now?.type === "directory";
    if (isNewDirectory && this.isAbove(path)) return;
    const kind = this.kindAt(path);
    assert.ok(kind, `${path} was ${now === undefined ? "removed" : old === undefined ? "made" : "changed"}`);
    if (old === undefined || kind === "training") return;
    assert.equal([old.type, now?.type], ["file", "file"], path);
    assert.is(now?.mode, old.mode, `${path} has another mode`);
    assert.not.ok(this.inputs.has(old.inode), `${path} was read, and changed`);
    const isOwn = kindOf(path) === kind && !(this.writes.size === 1 && this.isOfModel(path));
    assert.ok(isOwn || this.line.force || path === "nothing", `${path} was replaced by another kind of file`);
  }

  /** The kind that may be written at a path; undefined where nothing may. */
  private kindAt(path: string): Kind | undefined {
    const below = [...this.writes].find(([place]) => place.endsWith("/") && `${path}/`.startsWith(place));
    return below?.[1] ?? this.writes.get(path);
  }

  private isAbove(path: string): boolean {
    return [...this.writes.keys()].some((place) => place.startsWith(`${path}/`)) || this.kindAt(path) !== undefined;
  }

  private isOfModel(path: string): boolean {
    return MODEL_FILES.includes(basename(path)) && this.before.has(join(dirname(path), "model.safetensors"));
  }

  private filesRead(): Set<string> {
    const { reads, models } = this.line;
    const named = models.flatMap((model) => MODEL_FILES.map((name) => join(model, name)));
    const places = [...named, ...reads].map((path) => this.placeOf(path, true));
    const below = (place: string) =>
      [...this.before.keys()].filter((path) => place === "" || path.startsWith(`${place}/`));
    return new Set(
      places.flatMap((place) => (this.before.get(place)?.type === "file" ? [place] : below(place).filter(isText))),
    );
  }

  /** Where a path leads, seen from the root. The last part is followed only if the command line named it. */
  private placeOf(path: string, isNamed: boolean): string {
    const end = path.endsWith("/") ? "/" : "";
    const bare = path.replace(/\/+$/, "");
    const real = isNamed ? lastOf(bare) : join(lastOf(dirname(bare)), basename(bare));
    return real.slice(this.root.length + 1) + end;
  }
}

function isText(path: string): boolean {
  return !BINARY.includes(kindOf(path));
}

/** Where the links at `path` end, which may be nothing. */
function lastOf(path: string): string {
  if (fs.existsSync(path)) return fs.realpathSync(path);
  const above = lastOf(dirname(path));
  const isLink = fs.statSync(above, { throwIfNoEntry: false })?.isDirectory() && isLinkAt(path);
  return isLink ? lastOf(join(above, fs.readlinkSync(path))) : join(above, basename(path));
}

function isLinkAt(path: string): boolean {
  return fs.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}
