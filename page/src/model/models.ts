/** The part Models: opens the model that comes along, or one from files, and says what it is. */
import { byId, fillList } from "../element.ts";
import type { FoundFile, ModelFacts, Progress } from "../engine/calls.ts";
import type { Remote } from "../engine/remote.ts";
import { filesOf } from "../read/dropping.ts";
import type { Refusals } from "../refusals.ts";
import { announce, say } from "../status.ts";
import { modelIn } from "./model-files.ts";

const SHIPPED = "reader-1m";

export interface Models {
  /** Resolves to whether it is open. */
  openShipped(): Promise<boolean>;
  openFiles(files: readonly FoundFile[]): Promise<void>;
}

export function startModels(remote: Remote, refusals: Refusals, onNew: () => void): Models {
  const hear = ({ done, total }: Progress) => {
    byId<HTMLProgressElement>("progress").value = done / total;
    say("status", `The model is loading: ${Math.round((100 * done) / total)} %`);
  };

  function opened(facts: ModelFacts): void {
    onNew();
    announce("status", `${facts.name} is open. Choose a text.`);
    const threads = crossOriginIsolated ? String(facts.threads) : "one, since this page is not cross-origin isolated";
    fillList(byId("facts"), [
      ["model", facts.name],
      ["layers with a memory", facts.memoryLayers.join(", ") || "none"],
      ["tokens it knows", facts.vocabulary.toLocaleString("en-US")],
      ["threads", threads],
      ["kernels", facts.kernels],
      ...facts.notes.map((note) => ["note", note] as const),
    ]);
  }

  /** Opens a model; if that fails, the one before stays. */
  async function open(ask: () => Promise<ModelFacts>): Promise<boolean> {
    let isOpen = false;
    await refusals.guard(async () => {
      const before = byId("status").textContent ?? "";
      try {
        opened(await ask());
        isOpen = true;
      } catch (error) {
        say("status", before);
        throw error;
      }
    });
    return isOpen;
  }

  const models: Models = {
    openShipped: () => open(() => remote.ask("openNamed", { name: SHIPPED, base: document.baseURI }, hear)),
    openFiles: async (found) => void (await open(() => remote.ask("openFiles", modelIn(found), hear))),
  };
  byId("shipped").addEventListener("click", () => void models.openShipped());
  for (const id of ["model-folder", "gguf"]) {
    const input = byId<HTMLInputElement>(id);
    input.addEventListener("change", () => {
      const files = filesOf(input);
      input.value = "";
      void models.openFiles(files);
    });
  }
  return models;
}
