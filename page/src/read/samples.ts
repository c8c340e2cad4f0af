/** Texts that come with the page, for who has none at hand. The model has seen none of them. */
import list from "../../samples.json";

export interface Sample {
  /** Name of its file in samples/, and in `?sample=`. */
  readonly key: string;
  readonly title: string;
  readonly source: string;
  readonly licence: string;
}

export const samples: readonly Sample[] = list;
