import * as assert from "uvu/assert";
import { choice, type Field } from "../../src/base/fields.ts";
import { readOperands, readValues, splitArguments } from "../../src/cli/arguments/arguments.ts";
import { helpText } from "../../src/cli/arguments/help.ts";
import {
  fieldOptions,
  flag,
  givenOf,
  integer,
  integers,
  required,
  text,
  texts,
  wellFormedText,
} from "../../src/cli/arguments/options.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("arguments");

const fields: Record<"topP" | "schedule", Field> = {
  topP: { kind: "number", default: 1, above: 0, max: 1, about: "a share" },
  schedule: choice(["cosine", "rsqrt"], "a curve"),
};

const description = {
  name: "memorizing fish",
  summary: "catches fish",
  operands: ["POND"],
  options: {
    net: required(text("NET", "what to catch them with")),
    maxFish: integer("how many, at most", 1, 99),
    sizes: integers("sizes wanted", 0, 50),
    bait: texts("FILE", "what they like"),
    ...fieldOptions<{ topP: number; schedule: "cosine" | "rsqrt" }>(fields),
    json: flag("as JSON"),
  },
  details: () => "POND is a pond.",
};

function parse(line: string) {
  const given = splitArguments(line.split(" "), description);
  return { operands: readOperands(given, description), ...givenOf(readValues(given, description)) };
}

function refused(line: string): string {
  return refusal(() => parse(line));
}

test("options have the types of their values, wherever the operand stands", () => {
  const values = { net: "big", maxFish: 7, sizes: [0, 12], topP: 0.5, schedule: "rsqrt", bait: [], json: true };
  const line = "--net big --max-fish 7 --sizes=12,0 --top-p 0.5 --schedule rsqrt --json";
  assert.equal(parse(`mill ${line}`), { operands: ["mill"], ...values });
  assert.equal(parse(`${line} mill`), { operands: ["mill"], ...values });
});

test("a missing option is absent, a missing flag is false, a missing list is empty", () => {
  assert.equal(parse("mill --net big"), { operands: ["mill"], net: "big", bait: [], json: false });
});

test("an option with many values takes all up to the next option, and may be given again", () => {
  assert.equal(parse("mill --bait a b --net big --bait c").bait, ["a", "b", "c"]);
});

test("the last of two values counts for an option that takes one", () => {
  assert.is(parse("mill --net big --net small").net, "small");
});

test("a value may begin with a dash if it is a number or stands behind an equals sign", () => {
  assert.is(parse("mill --net=--big").net, "--big");
  assert.is(
    refused("mill --net big --max-fish -1"),
    "memorizing fish: --max-fish must be a whole number from 1 to 99, not -1",
  );
});

test("values outside their range are refused, naming the option and what would be right", () => {
  const sentences = [
    ["--max-fish 100", "--max-fish must be a whole number from 1 to 99, not 100"],
    ["--max-fish 1.5", "--max-fish must be a whole number from 1 to 99, not 1.5"],
    ["--max-fish many", '--max-fish must be a whole number from 1 to 99, not "many"'],
    ["--max-fish=", '--max-fish must be a whole number from 1 to 99, not ""'],
    ["--sizes 3,51", "--sizes must be a list of whole numbers from 0 to 50, not [3,51]"],
    ["--top-p 0", "--top-p must be a number above 0, up to 1, not 0"],
    ["--schedule sine", '--schedule must be "cosine" or "rsqrt", not "sine"'],
  ];
  for (const [line, sentence] of sentences) {
    assert.is(refused(`mill --net big ${line}`), `memorizing fish: ${sentence}`);
  }
});

test("missing, unknown and surplus arguments are refused", () => {
  const sentences = [
    ["mill", "--net NET must be given"],
    ["--net big", "POND must be given"],
    ["mill lake --net big", '"lake" is an argument too many; see memorizing fish --help'],
    ["mill --net", "--net must be followed by NET"],
    ["mill --net --json", "--net must be followed by NET"],
    ["mill --net big --json=yes", '--json takes no value, but "yes" was given'],
    ["mill --net big --maxfish 3", "unknown option --maxfish; did you mean --max-fish?"],
    ["mill --net big --tractor", "unknown option --tractor; see memorizing fish --help"],
    ["mill --net big -n", "unknown option -n; see memorizing fish --help"],
  ];
  for (const [line, sentence] of sentences) assert.is(refused(line), `memorizing fish: ${sentence}`);
});

test("an option that took what was meant as an operand is named", () => {
  assert.is(
    refused("--net big --bait worm mill"),
    'memorizing fish: POND must be given; "mill" counts as one more value of --bait, so give POND before --bait',
  );
  assert.is(refused("--net big --bait worm"), "memorizing fish: POND must be given");
});

test("for a value that begins with dashes the refusal says how to write it", () => {
  const sentences: [argv: string[], advice: string][] = [
    [["--net", "-- a net"], '; one that begins with dashes is written --net="-- a net"'],
    [["--net", "--", "x"], '; one that begins with dashes is written --net="-- …"'],
    [["--net", "--json"], ""],
    [["--net", "--max-fish=3"], ""],
    [["--net", "--help"], ""],
  ];
  for (const [argv, advice] of sentences) {
    assert.is(
      refusal(() => splitArguments(["mill", ...argv], description)),
      `memorizing fish: --net must be followed by NET${advice}`,
    );
  }
});

test("behind -- there are operands only, and - is one of them", () => {
  assert.equal(splitArguments(["--bait", "a", "-", "--", "-x", "--json"], description).operands, ["-x", "--json"]);
  assert.equal(splitArguments(["-"], description).operands, ["-"]);
});

test("a text that is used itself must be UTF-8, a path need not be", () => {
  const options = { prompt: wellFormedText("TEXT", "a text"), file: text("FILE", "a path") };
  const values = (...argv: string[]) => {
    const given = splitArguments(argv, { ...description, options });
    return readValues(given, { ...description, options });
  };
  assert.equal(values("--prompt", "🙂", "--file", "Gr\udcfcn"), { prompt: "🙂", file: "Gr\udcfcn" });
  assert.is(
    refusal(() => values("--prompt", "Gr\udcfcn")),
    'memorizing fish: --prompt must be UTF-8 text, not "Gr\\xfcn"',
  );
});

test("a last operand with … may be several, but not none", () => {
  const several = { ...description, operands: ["POND", "FISH…"] };
  const operands = (line: string) => readOperands(splitArguments(line.split(" "), several), several);
  assert.equal(operands("mill pike carp eel"), ["mill", "pike", "carp", "eel"]);
  assert.equal(operands("mill pike"), ["mill", "pike"]);
  assert.is(
    refusal(() => operands("mill")),
    "memorizing fish: FISH must be given",
  );
});

test("--help is asked for even if nothing else is right", () => {
  assert.ok(splitArguments(["--max-fish", "0", "--help"], description).help);
  assert.ok(splitArguments(["-h"], description).help);
});

test("the help shows what must be given first, and every option with its placeholder and default", () => {
  assert.is(
    helpText(description),
    `catches fish

Usage: memorizing fish POND --net NET [options]

Options:
  --net NET                what to catch them with
  --max-fish N             how many, at most
  --sizes N,N,…            sizes wanted
  --bait FILE…             what they like
  --top-p F                a share [1]
  --schedule cosine|rsqrt  a curve [cosine]
  --json                   as JSON
  --help                   prints this

POND is a pond.
`,
  );
});

test("an empty name is refused by the option or the operand that has it", () => {
  const empty = (...argv: string[]) =>
    refusal(() => {
      const given = splitArguments(argv, description);
      readOperands(given, description);
      readValues(given, description);
    });
  assert.is(empty("mill", "--net", ""), "memorizing fish: --net NET must not be empty");
  assert.is(empty("mill", "--net=big", "--bait", "worm", ""), "memorizing fish: --bait FILE must not be empty");
  assert.is(empty("mill", "--net=big", "--sizes", ""), "memorizing fish: --sizes N,N,… must not be empty");
  assert.is(empty("", "--net=big"), "memorizing fish: POND must not be empty");
});
