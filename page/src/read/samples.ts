/** Texts that come with the page, for who has none at hand. The model has seen none of them. */
import list from "../../samples.json";

export interface Sample {
  /** Name of its file in samples/, and in `?sample=`. */
  readonly key: string;
  readonly title: string;
  readonly source: string;
  readonly licence: string;
  /** Bytes that `xz -9e` needs for it, which test/page/samples.test.ts checks. Undefined: the text changes with this program. */
  readonly xz?: number;
}

export const samples: readonly Sample[] = list;
