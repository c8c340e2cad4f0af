import * as assert from "uvu/assert";
import { duration, ProgressLine, trainingLine, wholeNumber } from "../../src/report/progress.ts";
import { suite } from "../harness.ts";

const test = suite("progress");

/** A progress line on a stream of a kind, with a clock set by hand. */
function onStream(kind: { isTTY: boolean; columns?: number }) {
  const clock = { now: 1000 };
  const stream = { ...kind, text: "", write: (text: string) => (stream.text += text) };
  return { clock, stream, progress: new ProgressLine(stream, () => clock.now) };
}

test("on a terminal the line overwrites itself at most ten times a second, and ends with the last one", () => {
  const { clock, stream, progress } = onStream({ isTTY: true });
  progress.show("one");
  progress.show("two");
  clock.now += 100;
  progress.show("three");
  progress.show("four");
  progress.end();
  assert.is(stream.text, "\rone\x1b[K\rthree\x1b[K\rfour\x1b[K\n");
});

test("a name in a line or a note cannot move the cursor", () => {
  const { stream, progress } = onStream({ isTTY: true });
  progress.show("reading a\x1b[2J\r\n.md");
  progress.note("left out \u202efdp");
  assert.is(stream.text, "\rreading a\\x1b[2J\\r\\n.md\x1b[K\nleft out \\u202efdp\n");
});

test("on a terminal a line never wraps", () => {
  const { stream, progress } = onStream({ isTTY: true, columns: 10 });
  progress.show("0123456789");
  assert.is(stream.text, "\r012345678\x1b[K");
});

test("elsewhere it is a plain line every five seconds, and the last one", () => {
  const { clock, stream, progress } = onStream({ isTTY: false });
  for (let i = 0; i < 11; i++) {
    progress.show(`line ${i}`);
    clock.now += 1000;
  }
  progress.end();
  assert.is(stream.text, "line 5\nline 10\n");
});

test("a note has its own line, after the progress so far", () => {
  for (const [isTTY, text] of [
    [true, "\rstep 1\x1b[K\nnote\n\rstep 2\x1b[K\n"],
    [false, "step 1\nnote\nstep 2\n"],
  ] as const) {
    const { clock, stream, progress } = onStream({ isTTY });
    progress.show("step 1");
    progress.note("note");
    clock.now += 1000;
    progress.show("step 2");
    progress.end();
    assert.is(stream.text, text);
  }
});

test("ending before anything was shown, or twice, writes nothing", () => {
  const { stream, progress } = onStream({ isTTY: true });
  progress.end();
  progress.end();
  assert.is(stream.text, "");
});

test("a whole number is written in groups of three digits", () => {
  const numbers = [0, -0.4, 999, 999.5, 123456, -1000, 1234567, 2 ** 50];
  const texts = ["0", "0", "999", "1,000", "123,456", "-1,000", "1,234,567", "1,125,899,906,842,624"];
  assert.equal(numbers.map(wholeNumber), texts);
});

test("a training line has step, loss, perplexity, speed, gates, memory fill and time left", () => {
  const metrics = {
    step: 120,
    loss: 3.21449,
    perplexity: 24.891,
    tokens: 4096,
    tokensPerSecond: 8119.6,
    learningRate: 1e-3,
    gradientNorm: 0.5,
    gates: [0.481, 0.5],
    memoryFill: 0.384,
    seconds: 30,
    secondsLeft: 125.4,
  };
  assert.is(
    trainingLine(metrics, 1000),
    "step 120/1000  loss 3.214  perplexity 24.9  8,120 tokens/s  gate 0.48  gate 0.50  memory 38 % full  2 min 5 s left",
  );
});

test("durations and numbers are readable at every size", () => {
  assert.equal([0.4, 59.4, 59.6, 3599, 3600, 90061].map(duration), [
    "0 s",
    "59 s",
    "1 min 0 s",
    "59 min 59 s",
    "1 h 0 min",
    "25 h 1 min",
  ]);
  assert.equal([0, 999.5, 1234567].map(wholeNumber), ["0", "1,000", "1,234,567"]);
});
