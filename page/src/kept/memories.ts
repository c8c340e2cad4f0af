/** The part Memories: keeps what was read, begins with a kept memory, saves it as a file, deletes it. */
import { byId, make, makeButton } from "../element.ts";
import type { GivenFile, KeptMemory } from "../engine/calls.ts";
import type { Remote } from "../engine/remote.ts";
import { firstNames } from "../names.ts";
import type { Refusals } from "../refusals.ts";
import { announce, say } from "../status.ts";

/** Pairs of a memory that is kept. */
const KEPT_SIZE = 32_768;

export interface Memories {
  /** Offers to keep the text that was read. */
  offer(name: string): void;
  /** Another text is being read, so there is nothing to keep. */
  withdraw(): void;
  /** Keeps the file of a memory. */
  take(file: GivenFile): Promise<void>;
  /** Another model is open: it has read nothing, and begins with no memory. */
  forget(): void;
}

export function startMemories(remote: Remote, refusals: Refusals, current: () => string | undefined): Memories {
  const keep = byId<HTMLButtonElement>("keep");
  let used: string | undefined;

  async function list(): Promise<void> {
    const kept = await remote.ask("kept", undefined);
    const focused = placeOfFocus();
    byId("kept").replaceChildren(...kept.map(row));
    if (kept.length === 0) byId("kept").append(make("li", "note", "No memory is kept yet."));
    if (focused !== undefined) focusAt(focused);
  }

  /** The row and the button that have the keyboard's focus. */
  function placeOfFocus(): { readonly row: number; readonly button: number } | undefined {
    for (const [row, item] of [...byId("kept").children].entries()) {
      const button = [...item.querySelectorAll("button")].indexOf(document.activeElement as HTMLButtonElement);
      if (button >= 0) return { row, button };
    }
    return undefined;
  }

  /** The rows are new: focuses the same button again, or that of the last row, or the file's chooser where there are none. */
  function focusAt({ row, button }: { readonly row: number; readonly button: number }): void {
    const rows = byId("kept").children;
    const buttons = rows[Math.min(row, rows.length - 1)].querySelectorAll("button");
    (buttons[button] ?? byId("memory-file")).focus();
  }

  function row({ name, bytes }: KeptMemory): HTMLLIElement {
    const isUsed = name === used;
    const use = makeButton(
      isUsed ? "Begin with none" : "Begin with it",
      guarded(() => begin(isUsed ? undefined : name)),
    );
    const buttons = [
      use,
      makeButton(
        "Save as a file",
        guarded(() => save(name)),
      ),
      makeButton(
        "Delete",
        guarded(() => remove(name)),
      ),
    ];
    for (const button of buttons) button.setAttribute("aria-label", `${button.textContent}: ${name}`);
    return make(
      "li",
      "",
      make("span", "name", name),
      make("span", "note", sizeText(bytes)),
      make("span", "row", ...buttons),
    );
  }

  async function begin(name: string | undefined): Promise<void> {
    const { pairs, documents } = await remote.ask("use", { name });
    used = name;
    const known = `${pairs.toLocaleString("en-US")} pairs of ${firstNames(documents)}`;
    announce(
      "memory-status",
      name === undefined ? "The next text is read after nothing." : `The next text is read after ${known}.`,
    );
    await list();
  }

  async function save(name: string): Promise<void> {
    const link = make("a");
    link.href = URL.createObjectURL(await remote.ask("fetchKept", { name }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  async function remove(name: string): Promise<void> {
    await remote.ask("drop", { name });
    if (name === used) await begin(undefined);
    else await list();
  }

  async function take(file: GivenFile): Promise<void> {
    const { name } = await remote.ask("take", file);
    await list();
    await begin(name);
  }

  function guarded(act: () => Promise<void>): () => void {
    return () => void refusals.guard(act);
  }

  keep.addEventListener(
    "click",
    guarded(async () => {
      const name = current();
      if (name === undefined) throw new Error("nothing has been read yet; choose a text first");
      const hear = ({ done, total }: { done: number; total: number }) =>
        say("memory-status", `Reading ${name} into a memory: ${Math.round((100 * done) / total)} %`);
      const kept = await remote.ask("keep", { name, memorySize: KEPT_SIZE }, hear);
      announce("memory-status", `${kept.name} is kept in this browser, ${sizeText(kept.bytes)}.`);
      await list();
    }),
  );
  const input = byId<HTMLInputElement>("memory-file");
  input.addEventListener("change", () => {
    const [file] = input.files ?? [];
    input.value = "";
    if (file !== undefined) guarded(() => take({ name: file.name, data: file }))();
  });
  function withdraw(): void {
    keep.disabled = true;
    keep.textContent = "Keep what was read";
  }

  const relist = () => void list().catch((error) => say("memory-status", error.message));
  relist();
  return {
    offer(name) {
      keep.disabled = false;
      keep.textContent = `Keep ${name}`;
    },
    withdraw,
    take,
    forget() {
      withdraw();
      used = undefined;
      relist();
    },
  };
}

function sizeText(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
