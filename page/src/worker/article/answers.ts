/** The answers to the article's questions, one at a time. */
import type { Figures } from "../../engine/figures.ts";
import type { Answers } from "../serve.ts";
import { cacheFigure } from "./cache.ts";
import { directionsFigure } from "./directions.ts";
import { gateFigure } from "./gate.ts";
import { gradientsFigure } from "./gradients.ts";
import { growthFigure } from "./growth.ts";
import { ringFigure } from "./ring.ts";
import { searchFigure } from "./search.ts";
import { stalenessFigure } from "./staleness.ts";
import { withSubject } from "./subject.ts";
import { windowFigure } from "./window.ts";
import { wordsFigure } from "./words.ts";

export const articleAnswers: Pick<Answers, keyof Figures> = {
  windowFigure: (args) => withSubject((subject) => windowFigure(subject, args)),
  directionsFigure: (args) => withSubject((subject) => directionsFigure(subject, args)),
  ringFigure: (args) => withSubject((subject) => ringFigure(subject, args)),
  searchFigure: (args) => withSubject((subject) => searchFigure(subject, args)),
  gateFigure: () => withSubject(gateFigure),
  gradientsFigure: () => withSubject(gradientsFigure),
  stalenessFigure: (args) => withSubject((subject) => stalenessFigure(subject, args)),
  growthFigure: () => withSubject(growthFigure),
  wordsFigure: () => withSubject(wordsFigure),
  cacheFigure: () => withSubject(cacheFigure),
};
