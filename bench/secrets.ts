/**
 * Secrets that are planted in a document and asked for at its end: what is planted, where, and whether an answer has it. Each is of
 * another kind, so that none can be mixed up with another.
 */

/** A sentence, and how it is asked for: its beginning is given, its end is wanted. */
export interface Secret {
  /** What precedes the answer, in the document as in the question. */
  readonly question: string;
  readonly answer: string;
}

export const secrets: readonly Secret[] = [
  { question: "The password of the cellar door is", answer: "marigold" },
  { question: "The telephone number of the lighthouse is", answer: "40718" },
  { question: "The name of the captain's parrot is", answer: "Bartholomew" },
  { question: "The ferry to the island leaves at", answer: "6:52" },
  { question: "The treasure is buried under the old", answer: "windmill" },
  { question: "The favourite soup of the gardener is made of", answer: "pumpkin" },
  { question: "The horse that won the race in Dublin was", answer: "Silverfoot" },
  { question: "The price of the green bicycle is", answer: "£385" },
  { question: "The twins of the baker were born in", answer: "Lisbon" },
  { question: "The letter to the ambassador was signed by", answer: "Penelope" },
];

/** The sentence as it stands in the document, a paragraph of its own. */
export function sentenceOf({ question, answer }: Secret): string {
  return `\n\n${question} ${answer}.\n\n`;
}

/** The question at the end of the document, which the model goes on with. */
export function questionOf({ question }: Secret): string {
  return `\n\n${question}`;
}

/** Whether what was written begins with the answer. */
export function isFound({ answer }: Secret, written: string): boolean {
  return written.trimStart().startsWith(answer);
}

/**
 * The secrets of document `at` of `documents`, `each` of them, in turn; with as many documents as secrets and one each, every secret is
 * planted once. `depths` are places from 0 to 1, evenly spread over all documents together.
 */
export function secretsOf(
  at: number,
  { documents, each }: { readonly documents: number; readonly each: number },
): readonly { readonly secret: Secret; readonly depth: number }[] {
  return Array.from({ length: each }, (_, j) => {
    return { secret: secrets[(at * each + j) % secrets.length], depth: (j + (at + 0.5) / documents) / each };
  });
}

/**
 * `count` tokens: those of a text, with others planted among them. A depth is the share of the first `before` tokens behind which
 * something stands.
 */
export function planted(
  text: Int32Array,
  additions: readonly { readonly ids: Int32Array; readonly depth: number }[],
  { count, before }: { readonly count: number; readonly before: number },
): Int32Array {
  const added = additions.reduce((sum, { ids }) => sum + ids.length, 0);
  const parts: Int32Array[] = [];
  let from = 0;
  for (const { ids, depth } of additions.toSorted((a, b) => a.depth - b.depth)) {
    const to = Math.floor(depth * (before - added));
    parts.push(text.subarray(from, to), ids);
    from = to;
  }
  parts.push(text.subarray(from, count - added));
  return Int32Array.from(parts.flatMap((part) => [...part]));
}
