/** The part Read: chooses a text, has it read for every size of memory, and shows what is known so far. */
import { byId, hide, makeButton } from "../element.ts";
import type { FoundFile, ReadingNews } from "../engine/calls.ts";
import { type Remote, Stopped } from "../engine/remote.ts";
import type { Refusals } from "../refusals.ts";
import { announce, say } from "../status.ts";
import { chartsOf } from "./charts.ts";
import { filesOf } from "./dropping.ts";
import { legend } from "./legend.ts";
import { LiveReport } from "./live-report.ts";
import { type Sample, samples } from "./samples.ts";
import { SizeSlider, sizes } from "./sizes.ts";
import { TokenPanel } from "./token-panel.ts";

export interface Reading {
  /** Called when another text takes the place of what was read. */
  onBegin: () => void;
  /** Called when a text was read for all sizes. */
  onRead: (name: string, text: string) => void;
  /** The size of memory that is chosen. */
  readonly size: number;
  /** Whether a text was chosen since the page was opened. */
  readonly chosen: boolean;
  /** The name of the text that was read; undefined if there is none. */
  current(): string | undefined;
  readFiles(files: readonly FoundFile[]): Promise<void>;
  readSample(sample: Sample): Promise<void>;
  /** Forgets the text, since another model is open. */
  forget(): void;
}

export function startReading(remote: Remote, refusals: Refusals): Reading {
  const slider = new SizeSlider();
  let stop = new AbortController();
  let report: LiveReport | undefined;
  let panel: TokenPanel | undefined;
  let name: string | undefined;
  let speed = "";
  let chosen = false;

  async function read(files: readonly FoundFile[], sample?: Sample): Promise<void> {
    stop.abort();
    const own = new AbortController();
    stop = own;
    speed = "";
    chosen = true;
    byId("stop").hidden = false;
    announce("status", `Reading ${sample?.title ?? "the text"}`);
    const hear = (news: ReadingNews) => {
      if (stop !== own || own.signal.aborted) return;
      if (news.kind === "document") begin(news, sample);
      else if (report !== undefined && panel !== undefined) grow(news, report, panel);
    };
    try {
      await remote.ask("read", { files, sizes }, hear, own.signal);
      if (stop !== own || report === undefined) return;
      name = report.name;
      const isBare = report.heads.length === 0;
      const how = isBare ? "without a memory, which this model has not" : `with ${sizes.length} sizes of memory`;
      announce("status", `${name} is read, ${how}${speed === "" ? "" : `, ${speed}`}.`);
      reading.onRead(name, report.text);
    } catch (error) {
      if (stop !== own || error instanceof Stopped) return; // another text or model has taken its place
      say("status", name === undefined ? "Choose a text." : `${name} is still there.`);
      throw error;
    } finally {
      if (stop === own) hideStop();
    }
  }

  /** Who pressed it with the keyboard goes on at the texts. */
  function hideStop(): void {
    hide(byId("stop"), byId("samples").querySelector("button"));
  }

  function begin(news: Extract<ReadingNews, { kind: "document" }>, sample?: Sample): void {
    name = undefined;
    reading.onBegin();
    report = new LiveReport(news);
    showSample(sample);
    slider.begin(news.heads.length > 0);
    report.size = slider.size;
    byId("result").hidden = false;
    byId("charts").replaceChildren();
    panel = new TokenPanel(report, (size, token) => remote.ask("details", { size, token }));
    slider.show(report);
    if (news.remarks.length > 0) refusals.show(news.remarks.join(" "));
  }

  function grow(news: Exclude<ReadingNews, { kind: "document" }>, report: LiveReport, panel: TokenPanel): void {
    if (news.kind === "xz") {
      report.xz = news.bytes;
      draw(report, panel);
      return;
    }
    if (news.kind === "same") {
      report.addSame(news.size, news.as);
    } else {
      report.add(news.size, news.from, news.nats);
      const { done, total } = news.progress;
      byId<HTMLProgressElement>("progress").value = done / total;
      speed = `${Math.round(news.speed).toLocaleString("en-US")} tokens a second`;
      const memory = news.size === 0 ? "no memory" : `a memory of ${news.size.toLocaleString("en-US")}`;
      say("status", `Reading with ${memory}: ${Math.round((100 * done) / total)} %, ${speed}`);
      if (news.size === report.size || news.size === 0) panel.recolour(news.from, news.from + news.nats.length);
    }
    if (report.isComplete(news.size)) complete(news.size, report, panel);
  }

  /** A size is complete: the slider moves on to it, and the charts grow. */
  function complete(size: number, current: LiveReport, panel: TokenPanel): void {
    if (slider.follow(size)) choose(size);
    else slider.show(current);
    draw(current, panel);
  }

  /** Draws the charts in a task of their own, and opens a token if none is open. */
  function draw(current: LiveReport, panel: TokenPanel): void {
    setTimeout(() => {
      if (report !== current) return; // another text is read now
      byId("charts").innerHTML = chartsOf(current, sizes);
      panel.suggest();
    });
  }

  function choose(size: number): void {
    if (report === undefined || panel === undefined) return;
    report.size = size;
    slider.show(report);
    panel.recolour(0, report.length);
    panel.refresh();
  }

  const reading: Reading = {
    onBegin: () => {},
    onRead: () => {},
    get size() {
      return slider.size;
    },
    get chosen() {
      return chosen;
    },
    current: () => name,
    readFiles: (files) => refusals.guard(() => read(files)),
    readSample: (sample) =>
      refusals.guard(async () => {
        const response = await fetch(`./samples/${sample.key}.txt`);
        if (!response.ok) throw new Error(`the sample ${sample.title} cannot be fetched: ${response.status}`);
        await read([{ path: sample.title, data: await response.blob() }], sample);
      }),
    forget() {
      stop.abort();
      stop = new AbortController();
      name = undefined;
      byId("result").hidden = true;
      hideStop();
    },
  };

  slider.onChoice = choose;
  window.addEventListener("beforeprint", () => panel?.recolourAll());
  byId("legend").append(...legend());
  byId("stop").addEventListener("click", () => {
    stop.abort();
    announce("status", "Stopped. What is coloured stays.");
  });
  byId("samples").append(...samples.map((sample) => sampleButton(sample, reading)));
  onFiles("files", reading);
  onFiles("folder", reading);
  byId("read-pasted").addEventListener("click", () => {
    const { value } = byId<HTMLTextAreaElement>("pasted");
    void reading.readFiles([{ path: "the pasted text", data: new Blob([value]) }]);
  });
  return reading;
}

function sampleButton(sample: Sample, reading: Reading): HTMLButtonElement {
  const button = makeButton(sample.title, () => void reading.readSample(sample));
  button.title = `${sample.source}; ${sample.licence}`;
  button.dataset.sample = sample.key;
  return button;
}

function onFiles(id: string, reading: Reading): void {
  const input = byId<HTMLInputElement>(id);
  input.addEventListener("change", () => {
    const files = filesOf(input);
    input.value = ""; // so that the same file can be chosen again
    void reading.readFiles(files);
  });
}

/** Says which sample is read, if it is one, and where it is from. */
function showSample(sample: Sample | undefined): void {
  for (const button of byId("samples").children) {
    button.setAttribute("aria-pressed", String((button as HTMLElement).dataset.sample === sample?.key));
  }
  byId("source").hidden = sample === undefined;
  if (sample !== undefined) byId("source").textContent = `${sample.source}. Licence: ${sample.licence}.`;
}
