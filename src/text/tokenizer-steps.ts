/**
 * The steps of a tokenizer.json around its vocabulary: the normalizer, which alters text; the pre-tokenizer, which cuts it
 * into words; the post-processor, which puts special tokens around it; the decoder. Accepted are the steps of byte-level BPE
 * and of BPE with byte fallback (as made from SentencePiece) that lose nothing but what `alters` says. All others are
 * refused with the step's name.
 */
import { quote } from "../formats/json-scanner.ts";
import { metaspaceSplitter, prependScheme, type Splitter, splitters } from "./splitters.ts";
import type { Step } from "./tokenizer-json.ts";
import { demand, isObject, isOff, isStep, stepsOf } from "./unusable.ts";

/** The character that stands for a space where bytes do not. */
export const META_SPACE = "▁";

/** How a vocabulary writes text: every byte as a character, or characters, and bytes as "<0xC3>" where it has none. */
export type Spelling = "byte-level" | "byte-fallback";

/** Special tokens around a text. */
export interface Frame {
  readonly begin: readonly number[];
  readonly end: readonly number[];
}

/** All that happens to a text, apart from the vocabulary. */
export interface Steps {
  readonly spelling: Spelling;
  normalize(text: string): string;
  /** How text is cut into words, one after the other. */
  readonly splitters: readonly Splitter[];
  readonly frame: Frame;
  /** Whether decoding drops a space at the beginning. */
  readonly dropsFirstSpace: boolean;
  /** How a text may come back changed; empty if it never does. */
  readonly alters: readonly string[];
}

/** The parts of a tokenizer.json that are steps. */
export interface StepParts {
  readonly normalizer?: unknown;
  readonly pre_tokenizer?: unknown;
  readonly post_processor?: unknown;
  readonly decoder?: unknown;
}

/** @throws Unusable that names the step */
export function readSteps(parts: StepParts): Steps {
  const decoders = stepsOf(parts.decoder, "decoders");
  const normalizers = stepsOf(parts.normalizer, "normalizers").map(asStep("normalizer"));
  const preTokenizers = stepsOf(parts.pre_tokenizer, "pretokenizers").map(asStep("pre_tokenizer"));
  const frame = readFrame(parts.post_processor);
  const isByteLevel = decoders.length === 1 && isStep(decoders[0]) && decoders[0].type === "ByteLevel";
  return isByteLevel
    ? { ...byteLevelSteps(normalizers, preTokenizers), frame }
    : { ...fallbackSteps(normalizers, preTokenizers, decoders), frame };
}

function asStep(part: string): (value: unknown) => Step {
  return (value) => {
    demand(isStep(value), `its ${part} has a step without a type`);
    return value;
  };
}

function byteLevelSteps(normalizers: readonly Step[], preTokenizers: readonly Step[]): Omit<Steps, "frame"> {
  for (const { type } of normalizers) {
    demand(
      type === "NFC",
      `its normalizer ${quote(type)} alters text; only "NFC" is known for byte-level vocabularies`,
    );
  }
  const last = preTokenizers.at(-1);
  demand(last !== undefined, "it must have a pre_tokenizer");
  demand(last.type === "ByteLevel", 'its pre_tokenizer must be "ByteLevel" or end in it');
  demand(isOff(last.add_prefix_space), "add_prefix_space of its pre_tokenizer must be false");
  const composes = normalizers.length > 0;
  return {
    spelling: "byte-level",
    normalize: (text) => (composes ? text.normalize("NFC") : text),
    splitters: splitters(preTokenizers),
    dropsFirstSpace: false,
    alters: composes ? [COMPOSES] : [],
  };
}

const COMPOSES = "composes accented characters (Unicode's NFC)";

function fallbackSteps(
  normalizers: readonly Step[],
  preTokenizers: readonly Step[],
  decoders: readonly unknown[],
): Omit<Steps, "frame"> {
  const dropsFirstSpace = readFallbackDecoder(decoders);
  const changes = normalizers.map(fallbackNormalizer);
  const replaces = normalizers.some(({ type }) => type === "Replace");
  const metaspace = preTokenizers.find(({ type }) => type === "Metaspace");
  demand(
    replaces !== (metaspace !== undefined),
    `one step, in its normalizer or pre_tokenizer, must write spaces as ${META_SPACE}`,
  );
  demand(
    metaspace === undefined || preTokenizers.length === 1,
    'its pre_tokenizer must be "Metaspace" alone, or without it',
  );
  const prepends = normalizers.some(({ type }) => type === "Prepend");
  demand(
    !(prepends && metaspace),
    'it must put a space before the text with "Prepend" or with "Metaspace", not with both',
  );
  return {
    spelling: "byte-fallback",
    normalize: (text) => (text === "" ? "" : changes.reduce((changed, change) => change(changed), text)),
    splitters: metaspace === undefined ? splitters(preTokenizers) : [metaspaceSplitter(metaspace)],
    dropsFirstSpace,
    alters: [
      ...(normalizers.some(({ type }) => type === "NFC") ? [COMPOSES] : []),
      `turns ${META_SPACE} into a space`,
      ...firstSpace(prepends, metaspace !== undefined && prependScheme(metaspace) !== "never", dropsFirstSpace),
    ],
  };
}

/** What becomes of the space that is put before a text, always or where the text has none, and dropped or not. */
function firstSpace(always: boolean, ifMissing: boolean, drops: boolean): string[] {
  if (always) return drops ? [] : ["puts a space before the text"];
  if (ifMissing && !drops) return ["puts a space before a text that begins without one"];
  return drops ? ["drops a space at the beginning of the text"] : [];
}

function fallbackNormalizer(step: Step): (text: string) => string {
  if (step.type === "NFC") return (text) => text.normalize("NFC");
  if (step.type === "Prepend" && step.prepend === META_SPACE) return (text) => META_SPACE + text;
  demand(
    step.type === "Replace" && replacedBy(step, " ", META_SPACE),
    `its normalizer ${quote(step.type)} alters text in a way that is not known here`,
  );
  return (text) => text.replaceAll(" ", META_SPACE);
}

function replacedBy({ pattern, content }: Step, from: string, to: string): boolean {
  return isObject(pattern) && pattern.String === from && pattern.Regex === undefined && content === to;
}

/** Whether the decoder of byte fallback ends by dropping the first space. */
function readFallbackDecoder(decoders: readonly unknown[]): boolean {
  const known =
    'its decoder must be "ByteLevel", or a "Sequence" of "Replace", "ByteFallback", "Fuse" and perhaps "Strip"';
  const [replace, fallback, fuse, strip, ...more] = decoders;
  const isType = (step: unknown, type: string): step is Step => isStep(step) && step.type === type;
  const isKnown =
    isType(replace, "Replace") &&
    replacedBy(replace, META_SPACE, " ") &&
    isType(fallback, "ByteFallback") &&
    isType(fuse, "Fuse");
  demand(isKnown && more.length === 0, known);
  if (strip === undefined) return false;
  demand(isType(strip, "Strip"), known);
  const { content, start, stop } = strip;
  demand(
    content === " " && start === 1 && stop === 0,
    'the "Strip" of its decoder must drop one space at the beginning',
  );
  return true;
}

/** The special tokens that post-processors put around a single text. */
function readFrame(part: unknown): Frame {
  const frame = { begin: [] as number[], end: [] as number[] };
  for (const step of stepsOf(part, "processors").map(asStep("post_processor"))) {
    if (step.type === "ByteLevel") continue; // it trims offsets, which are not used here
    demand(step.type === "TemplateProcessing", `its post_processor ${quote(step.type)} is not known here`);
    const { single, special_tokens } = step;
    demand(
      Array.isArray(single) && isObject(special_tokens),
      "its TemplateProcessing must have single and special_tokens",
    );
    const at = single.findIndex((item) => isObject(item) && isObject(item.Sequence) && item.Sequence.id === "A");
    demand(at >= 0, "the single template of its post_processor must have the sequence A");
    frame.begin.push(...single.slice(0, at).flatMap((item) => templateIds(item, special_tokens)));
    frame.end.push(...single.slice(at + 1).flatMap((item) => templateIds(item, special_tokens)));
  }
  return frame;
}

function templateIds(item: unknown, special: Record<string, unknown>): number[] {
  const name = isObject(item) && isObject(item.SpecialToken) ? item.SpecialToken.id : undefined;
  const token = typeof name === "string" && Object.hasOwn(special, name) ? special[name] : undefined;
  const ids = isObject(token) ? token.ids : undefined;
  const isUsable = Array.isArray(ids) && ids.every((id) => Number.isInteger(id));
  demand(isUsable, "every special token of its post_processor's template must be listed with its ids");
  return ids;
}
