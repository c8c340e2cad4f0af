/** The part Read: chooses a text, has it read for every size of memory, and shows what is known so far. */
import { byId, makeButton } from "../element.ts";
import type { ReadingNews, Text } from "../engine/calls.ts";
import type { Remote } from "../engine/remote.ts";
import type { Refusals } from "../refusals.ts";
import { chartsOf } from "./charts.ts";
import { documentOf, type FoundFile } from "./documents.ts";
import { filesOf } from "./dropping.ts";
import { legend } from "./legend.ts";
import { LiveReport } from "./live-report.ts";
import { type Sample, samples } from "./samples.ts";
import { SizeSlider, sizes } from "./sizes.ts";
import { TokenPanel } from "./token-panel.ts";

export interface Reading {
  /** Called when a text was read for all sizes. */
  onRead: (name: string, text: string) => void;
  /** The size of memory that is chosen. */
  readonly size: number;
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

  async function read(text: Text, sample?: Sample, leftOut?: string): Promise<void> {
    stop.abort();
    const own = new AbortController();
    stop = own;
    name = undefined;
    byId("stop").hidden = false;
    say(`Reading ${text.name}`);
    showSample(sample);
    const hear = (news: ReadingNews) => {
      if (stop !== own || own.signal.aborted) return;
      if (news.kind === "document") begin(news, text, leftOut);
      else if (report !== undefined && panel !== undefined) grow(news, report, panel, sample?.xz);
    };
    try {
      await remote.ask("read", { ...text, sizes }, hear, own.signal);
      if (stop !== own) return;
      name = text.name;
      say(`${text.name} is read, with ${sizes.length} sizes of memory${speed === "" ? "" : `, ${speed}`}.`);
      reading.onRead(text.name, report?.text ?? "");
    } finally {
      if (stop === own) byId("stop").hidden = true;
    }
  }

  let speed = "";

  function begin(news: Extract<ReadingNews, { kind: "document" }>, { files }: Text, leftOut?: string): void {
    report = new LiveReport(news, files);
    slider.begin();
    report.size = slider.size;
    byId("result").hidden = false;
    byId("charts").replaceChildren();
    panel = new TokenPanel(report, (size, token) => remote.ask("details", { size, token }));
    slider.show(report);
    const remarks = [news.cut, leftOut].filter((remark) => remark !== undefined);
    if (remarks.length > 0) refusals.show(remarks.join(" "));
  }

  function grow(
    news: Exclude<ReadingNews, { kind: "document" }>,
    report: LiveReport,
    panel: TokenPanel,
    xz?: number,
  ): void {
    if (news.kind === "same") {
      report.addSame(news.size, news.as);
    } else {
      report.add(news.size, news.from, news.nats);
      const { done, total } = news.progress;
      byId<HTMLProgressElement>("progress").value = done / total;
      speed = `${Math.round(news.speed).toLocaleString("en-US")} tokens a second`;
      const memory = news.size === 0 ? "no memory" : `a memory of ${news.size.toLocaleString("en-US")}`;
      say(`Reading with ${memory}: ${Math.round((100 * done) / total)} %, ${speed}`);
      if (news.size === report.size || news.size === 0) panel.recolour(news.from, news.from + news.nats.length);
    }
    if (report.isComplete(news.size)) complete(news.size, report, panel, xz);
  }

  /** A size is complete: the slider moves on to it, and in a task of their own the charts grow. */
  function complete(size: number, current: LiveReport, panel: TokenPanel, xz: number | undefined): void {
    if (slider.follow(size)) choose(size);
    else slider.show(current);
    setTimeout(() => {
      if (report !== current) return; // another text is read now
      byId("charts").innerHTML = chartsOf(current, sizes, xz);
      panel.suggest(() => bestToken(current));
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
    onRead: () => {},
    get size() {
      return slider.size;
    },
    current: () => name,
    readFiles: (files) =>
      refusals.guard(async () => {
        const { leftOut, ...text } = await documentOf(files);
        await read(text, undefined, leftOut);
      }),
    readSample: (sample) =>
      refusals.guard(async () => {
        const response = await fetch(`./samples/${sample.key}.txt`);
        if (!response.ok) throw new Error(`the sample ${sample.title} cannot be fetched: ${response.status}`);
        const text = { name: sample.title, text: await response.text(), files: [] };
        await read(text, sample);
      }),
    forget() {
      stop.abort();
      stop = new AbortController();
      name = undefined;
      byId("result").hidden = true;
      byId("stop").hidden = true;
    },
  };

  slider.onChoice = choose;
  byId("legend").append(...legend());
  byId("stop").addEventListener("click", () => {
    stop.abort();
    say("Stopped. What is coloured stays.");
  });
  byId("samples").append(...samples.map((sample) => sampleButton(sample, reading)));
  onFiles("files", reading);
  onFiles("folder", reading);
  byId("read-pasted").addEventListener("click", () => {
    const { value } = byId<HTMLTextAreaElement>("pasted");
    void refusals.guard(() => read({ name: "the pasted text", text: value, files: [] }));
  });
  return reading;
}

function say(sentence: string): void {
  byId("status").textContent = sentence;
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

/** The token that gained most so far; undefined if none gained. */
function bestToken(report: LiveReport): number | undefined {
  let [best, most] = [undefined as number | undefined, 0];
  for (let token = 1; token < report.length; token++) {
    const gain = report.gain(token);
    if (gain > most) [best, most] = [token, gain];
  }
  return best;
}
