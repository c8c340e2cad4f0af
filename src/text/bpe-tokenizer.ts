/**
 * A tokenizer of BPE, byte-level or with byte fallback, as a checked tokenizer.json describes it. A text passes added tokens
 * (added-tokens.ts), the normalizer, the splitters (splitters.ts), and merging (merging.ts).
 */
import { AddedTokenFinder, type Permission } from "./added-tokens.ts";
import { BYTE_SYMBOLS, bytesOfToken, symbolsOf } from "./byte-level.ts";
import { checkEncoding, type EncodingOptions, listOfIds, requireId } from "./calls.ts";
import { Merges, type RankedMerge } from "./merging.ts";
import { borderSplitter, type Splitter } from "./splitters.ts";
import { type DecodingOptions, decodeTokens } from "./token-stream.ts";
import { byteToken } from "./tokenizer-checks.ts";
import { type AddedToken, addedTokens, mergePairs, type TokenizerJson, tokensById } from "./tokenizer-json.ts";
import { META_SPACE, readSteps, type Steps } from "./tokenizer-steps.ts";

const SPACE = " ".charCodeAt(0);

/** The tokens of a word; the words of one text that are known already. */
type Known = Map<string, readonly number[]>;

export class BpeTokenizer {
  readonly vocabSize: number;
  readonly alters?: string;
  readonly specials: ReadonlyMap<string, number>;
  readonly byteTokens?: ReadonlySet<number>;
  readonly dropsFirstSpace: boolean;
  private readonly json: TokenizerJson;
  private readonly steps: Steps;
  private readonly splitters: readonly Splitter[];
  private readonly vocab: ReadonlyMap<string, number>;
  private readonly byteIds: readonly number[];
  private readonly merges: Merges;
  private readonly tokenBytes: readonly Uint8Array[];
  /** Added tokens that are looked for in the text as it is, and those looked for when it is normalized. */
  private readonly finders: readonly [AddedTokenFinder, AddedTokenFinder];

  /**
   * @param json checked by `readTokenizerJson`
   * @param ranks of its merges, where some are equal; default: every merge ranks before those behind it
   */
  constructor(json: TokenizerJson, ranks?: readonly number[]) {
    const steps = readSteps(json);
    const isByteLevel = steps.spelling === "byte-level";
    this.json = json;
    this.steps = steps;
    this.tokenBytes = bytesOfTokens(json, isByteLevel);
    this.vocabSize = this.tokenBytes.length;
    this.vocab = new Map(Object.entries(json.model.vocab));
    const { unk_token: unknown } = json.model;
    const own = BYTE_SYMBOLS.map((symbol, byte) => this.vocab.get(isByteLevel ? symbol : byteToken(byte)));
    this.byteIds = own.map((id) => id ?? this.vocab.get(String(unknown))!);
    const holes = own.filter((id, byte) => id === undefined && occursInUtf8(byte)).length;
    const added = addedTokens(json);
    this.specials = new Map(added.filter(({ special }) => special).map(({ content, id }) => [content, id]));
    this.dropsFirstSpace = steps.dropsFirstSpace;
    if (!isByteLevel) this.byteTokens = new Set(this.byteIds);
    const alters = [
      ...steps.alters,
      ...(holes > 0 ? [`has no token for ${holes} bytes and reads ${unknown} there`] : []),
    ];
    if (alters.length > 0) this.alters = alters.join(", and ");
    const pairs = mergePairs(json.model);
    this.merges = new Merges(this.vocabSize, this.ranked(pairs, ranks));
    this.splitters = isByteLevel ? steps.splitters : [...steps.splitters, borderSplitter(pairs)];
    this.finders = this.findersOf(added);
  }

  encode(text: string, options: EncodingOptions = {}): Int32Array {
    checkEncoding(text, options);
    const permits = permission(options.special ?? false);
    const known: Known = new Map();
    const { frame } = this.steps;
    const ids = options.framed ? [...frame.begin] : [];
    let at = 0;
    for (const section of this.finders[0].split(text, permits)) {
      if (section.id === undefined) this.encodeSection(section.text, at, permits, known, ids);
      else ids.push(section.id);
      at += section.text.length;
    }
    if (options.framed === true) ids.push(...frame.end);
    return Int32Array.from(ids);
  }

  decode(ids: Iterable<number>, options: DecodingOptions = {}): string {
    return decodeTokens(this, listOfIds(ids, this.vocabSize), options);
  }

  bytes(id: number): Uint8Array {
    requireId(id, this.vocabSize);
    return this.tokenBytes[id];
  }

  byteLength(id: number): number {
    return this.bytes(id).length;
  }

  bytesBefore(ids: Int32Array): number {
    const { begin } = this.steps.frame;
    let count = 0;
    while (count < begin.length && ids[count] === begin[count]) count++;
    const framed = begin.slice(0, count).reduce((sum, id) => sum + this.byteLength(id), 0);
    const first = count < ids.length ? this.bytes(ids[count])[0] : undefined;
    return framed + (this.dropsFirstSpace && first === SPACE ? 1 : 0);
  }

  toJSON(): unknown {
    return this.json;
  }

  /** Encodes what stands between two added tokens, at `at` of the text. */
  private encodeSection(section: string, at: number, permits: Permission, known: Known, ids: number[]): void {
    const text = this.steps.normalize(section);
    // Places in a text that was altered are not those of the original; there the whole section must be permitted.
    const isSame = text === section;
    const end = at + section.length;
    const permitsHere: Permission = (token, from, to) =>
      isSame ? permits(token, at + from, at + to) : permits(token, at, end);
    let isFirst = at === 0;
    for (const part of this.finders[1].split(text, permitsHere)) {
      if (part.id !== undefined) ids.push(part.id);
      else for (const word of this.words(part.text, isFirst)) for (const id of this.idsOf(word, known)) ids.push(id);
      isFirst = false;
    }
  }

  private words(text: string, isFirst: boolean): readonly string[] {
    return this.splitters.reduce<readonly string[]>(
      (words, split) => words.flatMap((word, i) => split(word, isFirst && i === 0)),
      [text],
    );
  }

  private idsOf(word: string, known: Known): readonly number[] {
    let ids = known.get(word);
    if (ids === undefined) {
      ids = this.steps.spelling === "byte-level" ? this.ofBytes(word) : this.merges.apply(this.ofCharacters(word));
      known.set(word, ids);
    }
    return ids;
  }

  private ofBytes(word: string): readonly number[] {
    const bytes = new TextEncoder().encode(word);
    const whole = this.json.model.ignore_merges ? this.vocab.get(symbolsOf(bytes)) : undefined;
    const isText = whole !== undefined && !this.specials.has(symbolsOf(bytes));
    return isText ? [whole] : this.merges.apply(Array.from(bytes, (byte) => this.byteIds[byte]));
  }

  /** The tokens of the characters, or of their bytes where there is none. */
  private ofCharacters(word: string): number[] {
    return Array.from(word).flatMap((character) => {
      const id = this.vocab.get(character);
      return id ?? Array.from(new TextEncoder().encode(character), (byte) => this.byteIds[byte]);
    });
  }

  private ranked(pairs: readonly (readonly [string, string])[], ranks: readonly number[] | undefined): RankedMerge[] {
    const idOf = (token: string) => this.vocab.get(token)!;
    return pairs.map(([left, right], i) => ({
      left: idOf(left),
      right: idOf(right),
      id: idOf(left + right),
      rank: ranks?.[i] ?? i,
    }));
  }

  private findersOf(added: readonly AddedToken[]): [AddedTokenFinder, AddedTokenFinder] {
    const isNormalized = ({ normalized, special }: AddedToken) => normalized ?? !special;
    const spelled = (token: AddedToken) =>
      [isNormalized(token) ? this.steps.normalize(token.content) : token.content, token] as const;
    return [
      new AddedTokenFinder(added.filter((token) => !isNormalized(token)).map(spelled)),
      new AddedTokenFinder(added.filter(isNormalized).map(spelled)),
    ];
  }
}

/** Whether the byte can occur in a text. */
function occursInUtf8(byte: number): boolean {
  return byte !== 0xc0 && byte !== 0xc1 && byte < 0xf5;
}

/** Where an added token of the text may be one: special ones only where they are asked for. */
function permission(special: NonNullable<EncodingOptions["special"]>): Permission {
  if (typeof special === "boolean") return (token) => special || token.special !== true;
  return (token, from, to) => token.special !== true || special.some(([begin, end]) => begin <= from && to <= end);
}

function bytesOfTokens(json: TokenizerJson, isByteLevel: boolean): Uint8Array[] {
  const encoder = new TextEncoder();
  const added = new Set(addedTokens(json).map(({ id }) => id));
  const byteOf = new Map(BYTE_SYMBOLS.map((_, byte) => [byteToken(byte), byte]));
  return tokensById(json).map((token, id) => {
    if (isByteLevel) return (added.has(id) ? undefined : bytesOfToken(token)) ?? encoder.encode(token);
    const byte = byteOf.get(token);
    return byte === undefined ? encoder.encode(token.replaceAll(META_SPACE, " ")) : Uint8Array.of(byte);
  });
}
