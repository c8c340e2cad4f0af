/** The worker's side of the questions: runs what answers them, sends news, and turns what goes wrong into one sentence. */
import type { Questions } from "../engine/calls.ts";
import type { Name, ToPage, ToWorker } from "../engine/wire.ts";

/** What an answer may use: a way to send news, and a signal that is aborted when nobody waits any more. */
export interface Asked<E> {
  readonly tell: (news: E) => void;
  readonly signal: AbortSignal;
}

/** For each question, the function that answers it. */
export type Answers = {
  readonly [N in Name]: (
    args: Questions[N]["args"],
    asked: Asked<Questions[N]["news"]>,
  ) => Promise<Questions[N]["answer"]>;
};

/** Answers the page's questions from now on; those that come before `answers` is loaded wait for it. */
export function serve(answers: Promise<Answers>): void {
  const running = new Map<number, AbortController>();
  self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
    if ("stop" in data) return running.get(data.id)?.abort();
    const { id, ask, args } = data;
    const controller = new AbortController();
    running.set(id, controller);
    const asked: Asked<never> = { tell: (news) => send({ id, news }), signal: controller.signal };
    answers
      .then((all) => (all[ask] as (args: unknown, asked: Asked<never>) => Promise<unknown>)(args, asked))
      .then(
        (answer) => send({ id, answer }),
        (error) => send({ id, refusal: sentence(error), stopped: controller.signal.aborted }),
      )
      .finally(() => running.delete(id));
  };
}

function send(message: ToPage): void {
  self.postMessage(message);
}

/** Errors that the library throws for bad input say everything in one sentence; all others also say what they are. */
function sentence(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.name === "Error" || error.name === "InputError" ? error.message : `${error.name}: ${error.message}`;
}
