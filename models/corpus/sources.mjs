/** What the corpus is made of: packages with their version and licence, what of them is read, and how much. */
import { HELD_OUT } from "./sources/held-out.mjs";
import { LANGUAGES } from "./sources/languages.mjs";
import { PROOFS } from "./sources/proofs.mjs";
import { SCRIPTS } from "./sources/scripts.mjs";
import { WRITING } from "./sources/writing.mjs";

export const SOURCES = [...HELD_OUT, ...SCRIPTS, ...LANGUAGES, ...PROOFS, ...WRITING];
