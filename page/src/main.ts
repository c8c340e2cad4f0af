/** Assembles the page: the worker with the engine, and the parts Read, Write, Memories, Models and How it works around it. */
import "virtual:report.css";
import "./styles/page.css";
import "./styles/article.css";
import { startArticle } from "./article/article.ts";
import { byId } from "./element.ts";
import { Remote } from "./engine/remote.ts";
import { startMemories } from "./kept/memories.ts";
import { startModels } from "./model/models.ts";
import { startDropping } from "./read/dropping.ts";
import { startReading } from "./read/reading.ts";
import { samples } from "./read/samples.ts";
import { startRefusals } from "./refusals.ts";
import { startWriting } from "./write/writing.ts";

const wanted = new URL(location.href).searchParams;
const worker = new Worker(new URL("./worker/main.ts", import.meta.url), {
  type: "module",
  name: wanted.get("kernels") ?? "",
});
const remote = new Remote(worker);
const refusals = startRefusals();
const reading = startReading(remote, refusals);
const writing = startWriting(remote, refusals, () => reading.size);
const memories = startMemories(remote, refusals, () => reading.current());
const models = startModels(remote, refusals, () => {
  reading.forget();
  memories.forget();
});
reading.onBegin = () => memories.withdraw();
reading.onRead = (name, text) => {
  memories.offer(name);
  writing.suggest(text);
};
startDropping(refusals, {
  documents: (files) => reading.readFiles(files),
  model: (files) => models.openFiles(files),
  memory: (file) => memories.take(file),
});
startArticle(remote);
byId("version").textContent = __VERSION__;

/** `?sample=novel` begins with another sample, `?sample=` with none. */
const first = samples.find(({ key }) => key === (wanted.get("sample") ?? "code"));
const isOpen = await models.openShipped();
void navigator.serviceWorker?.register("./service-worker.js").catch(() => {}); // without it, the page needs a network
if (isOpen && first !== undefined && !reading.chosen) await reading.readSample(first);
