/**
 * Questions and answers as files of a directory, for one machine and for tests: a question is `asks/SUBJECT/ID`, an answer is
 * `answers/ID_ANY`. Both sides look again every few milliseconds. The asker removes its question and the answers to it in the end; an answer
 * that comes later is removed by whoever wrote it, and what killed processes left by those who listen.
 */
import { writeFileAtomic } from "../../platform/atomic-write.ts";
import { exists, fileState, isDirectory, listDirectory, removeFile } from "../../platform/files.ts";
import { beginningOf } from "../../platform/read-file.ts";
import { MOST_BYTES } from "../exchange.ts";
import { atMostEvery, pause } from "../pause.ts";
import type { Listener, Transport } from "./transport.ts";

/** Milliseconds between two looks. */
const LOOKS = 5;
/** Milliseconds after which nobody waits for an answer any more: whoever asked was killed. */
const STALE = 2 * 3_600_000;
/** Milliseconds between two looks for what is stale. */
const SWEEPS = 600_000;

export class DirectoryTransport implements Transport {
  private readonly directory: string;
  private readonly ending = new AbortController();
  private listening: Promise<void> = Promise.resolve();
  private failure: Error | undefined;

  constructor(directory: string) {
    this.directory = directory;
  }

  async ask(
    subject: string,
    message: Uint8Array,
    milliseconds: number,
    take: (answer: Uint8Array) => boolean,
  ): Promise<void> {
    const end = performance.now() + milliseconds;
    const id = crypto.randomUUID();
    const [question, answers] = [`${this.directory}/asks/${subject}/${id}`, `${this.directory}/answers`];
    const seen = new Set<string>();
    writeFileAtomic(question, message);
    try {
      for (;;) {
        for (const name of namesIn(answers)) {
          if (!name.startsWith(`${id}_`) || seen.has(name)) continue;
          seen.add(name);
          const answer = beginningOf(`${answers}/${name}`, MOST_BYTES);
          if (answer !== undefined && take(answer)) return;
        }
        if (performance.now() >= end) return;
        await pause(LOOKS);
      }
    } finally {
      removeFile(question);
      const late = namesIn(answers).filter((name) => name.startsWith(`${id}_`)); // of several that serve the same pairs
      for (const name of new Set([...seen, ...late])) removeFile(`${answers}/${name}`);
    }
  }

  async listen(subjects: readonly string[], answer: Listener): Promise<void> {
    const asked = subjects.map((subject) => ({
      asks: `${this.directory}/asks/${subject}`,
      answered: new Set<string>(),
    }));
    const sweep = async () => this.removeStale(asked.map(({ asks }) => asks));
    const sweepAgain = atMostEvery(SWEEPS, sweep);
    const look = async () => {
      await sweep();
      while (!this.ending.signal.aborted) {
        await sweepAgain();
        for (const { asks, answered } of asked) this.answerAll(asks, answered, answer);
        await pause(LOOKS, this.ending.signal);
      }
    };
    this.listening = look().catch((error: Error) => void (this.failure = error));
  }

  requireListening(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  async close(): Promise<void> {
    this.ending.abort();
    await this.listening;
  }

  private answerAll(asks: string, answered: Set<string>, answer: Listener): void {
    const ids = namesIn(asks);
    for (const id of ids) {
      if (answered.has(id)) continue;
      answered.add(id);
      const question = `${asks}/${id}`;
      const [message, state] = [beginningOf(question, MOST_BYTES), fileState(question)];
      if (message === undefined || state === undefined) continue; // others answered it meanwhile
      if (isStale(state.changedAt)) continue;
      const reply = answer(message);
      if (reply === undefined || !exists(question)) continue;
      const path = `${this.directory}/answers/${id}_${crypto.randomUUID()}`;
      writeFileAtomic(path, reply);
      if (!exists(question)) removeFile(path); // the asker has ended, and may have looked before
    }
    for (const id of answered) if (!ids.includes(id)) answered.delete(id);
  }

  /** Removes questions and answers that nobody waits for any more. */
  private removeStale(asks: readonly string[]): void {
    for (const directory of [...asks, `${this.directory}/answers`]) {
      for (const name of namesIn(directory)) {
        const state = fileState(`${directory}/${name}`);
        if (state !== undefined && isStale(state.changedAt)) removeFile(`${directory}/${name}`);
      }
    }
  }
}

function isStale(changedAt: number): boolean {
  return Date.now() - changedAt > STALE;
}

/** Names of the complete files of a directory; none if there is no such directory. */
function namesIn(directory: string): string[] {
  if (!isDirectory(directory)) return [];
  const files = listDirectory(directory).filter(({ name, kind }) => kind === "file" && !name.includes("."));
  return files.map(({ name }) => name);
}
