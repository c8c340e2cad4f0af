/** The part Models: opens the model that comes along, or one from files, and says what it is. */
import { byId, fillList } from "../element.ts";
import type { GivenFile, ModelFacts, Progress } from "../engine/calls.ts";
import type { Remote } from "../engine/remote.ts";
import type { FoundFile } from "../read/documents.ts";
import { filesOf } from "../read/dropping.ts";
import type { Refusals } from "../refusals.ts";

const SHIPPED = "reader-1m";
/** Files that say something of a model; others in its directory, such as weights for another program, stay where they are. */
const OF_A_MODEL = /\.(?:json|safetensors|gguf|txt|model|jinja)$/;

export interface Models {
  openShipped(): Promise<void>;
  openFiles(files: readonly FoundFile[]): Promise<void>;
}

export function startModels(remote: Remote, refusals: Refusals, onNew: () => void): Models {
  const hear = ({ done, total }: Progress) => {
    byId<HTMLProgressElement>("progress").value = done / total;
    say(`The model is loading: ${Math.round((100 * done) / total)} %`);
  };

  function opened(facts: ModelFacts): void {
    onNew();
    say(`${facts.name} is open. Choose a text.`);
    const threads = facts.threads === 1 ? "one, since this page is not cross-origin isolated" : String(facts.threads);
    fillList(byId("facts"), [
      ["model", facts.name],
      ["layers with a memory", facts.memoryLayers.join(", ") || "none"],
      ["tokens it knows", facts.vocabulary.toLocaleString("en-US")],
      ["threads", threads],
      ["kernels", facts.kernels],
      ...facts.notes.map((note) => ["note", note] as const),
    ]);
  }

  const models: Models = {
    openShipped: () =>
      refusals.guard(async () =>
        opened(await remote.ask("openNamed", { name: SHIPPED, base: document.baseURI }, hear)),
      ),
    openFiles: (found) =>
      refusals.guard(async () => {
        const { name, files } = modelIn(found);
        opened(await remote.ask("openFiles", { name, files }, hear));
      }),
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

/** The files of a model by their own names, and a name for it: that of the .gguf, or of the directory. */
function modelIn(found: readonly FoundFile[]): { name: string; files: GivenFile[] } {
  const files = found.map(({ path, file }) => ({ name: path.slice(path.lastIndexOf("/") + 1), data: file }));
  const gguf = files.find(({ name }) => name.endsWith(".gguf"));
  const [first = ""] = found[0]?.path.split("/") ?? [];
  return { name: gguf?.name ?? (first || "your model"), files: files.filter(({ name }) => OF_A_MODEL.test(name)) };
}

function say(sentence: string): void {
  byId("status").textContent = sentence;
}
