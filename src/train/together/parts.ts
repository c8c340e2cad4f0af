/**
 * The parts of a training in rounds: each has some rows of the batch and documents of its own, so that a document is still read once an
 * epoch. A part is a training like any other, and its trainer knows nothing of the rest.
 */
import { InputError } from "../../base/errors.ts";
import { deal } from "../../cluster/training/deal.ts";
import type { TokenizedDocument } from "../../data/corpus.ts";
import { tokensOf } from "../../data/documents.ts";
import type { TrainingOptions } from "../options.ts";

export interface Part {
  readonly documents: readonly TokenizedDocument[];
  readonly options: TrainingOptions;
}

/**
 * Deals rows and documents out to `count` parts. One part is the whole training.
 * @throws InputError if there are fewer rows, or fewer documents to read, than parts
 */
export function partsOf(documents: readonly TokenizedDocument[], options: TrainingOptions, count: number): Part[] {
  if (count === 1) return [{ documents, options }];
  const { batchSize, seed } = options;
  if (count > batchSize) {
    throw new InputError(`${count} workers are more than the ${batchSize} rows of a batch (batchSize); each needs one`);
  }
  const rows = deal(batchSize, count).map(({ from, to }) => to - from);
  const shares = dealDocuments(documents, rows);
  return shares.map((own, index) => ({
    documents: own,
    options: { ...options, batchSize: rows[index], seed: seed + index },
  }));
}

/** The longest document goes to the part that has the fewest tokens for each of its rows, then the next. */
function dealDocuments(documents: readonly TokenizedDocument[], rows: readonly number[]): TokenizedDocument[][] {
  const readable = documents.filter((document) => tokensOf(document).length >= 2);
  if (readable.length < rows.length) {
    throw new InputError(
      `${rows.length} workers need ${rows.length} documents of two tokens or more, one each, and there are ${readable.length}`,
    );
  }
  const tokens = rows.map(() => 0);
  const owner = new Map<TokenizedDocument, number>();
  for (const document of readable.toSorted((a, b) => tokensOf(b).length - tokensOf(a).length)) {
    const shares = tokens.map((sum, part) => sum / rows[part]);
    const part = shares.indexOf(Math.min(...shares));
    tokens[part] += tokensOf(document).length;
    owner.set(document, part);
  }
  return rows.map((_, part) => readable.filter((document) => owner.get(document) === part));
}
