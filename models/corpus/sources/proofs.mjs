/** Formal proofs: HOL Light, HOL88, Coq, Agda, Metamath and ACL2. */
import { debian, ofKind } from "./source.mjs";

const coq = (from, licence, most) => debian(`libcoq-${from}`, licence, [".v"], most);
const mathcomp = (part) => coq(`mathcomp-${part}`, "CECILL-B", 800);

const hol = (folders, most, as) =>
  debian("hol-light 20230128-1*", "BSD-2-Clause", [".ml", ".hl"], most, {
    folders: folders.map((folder) => `usr/share/hol-light/${folder}`),
    depth: folders.length === 1 ? 1 : 2,
    skip: /_database\.ml$/,
    tests: true,
    as,
  });

const AGDA = ["Algebra", "Axiom", "Category", "Data", "Function", "Induction", "Reflection", "Tactic"];

export const PROOFS = ofKind("proofs", [
  hol(["Multivariate"], 2_400, "hol-light-multivariate"),
  hol(["Library", "Jordan", "Complex"], 1_800, "hol-light-library"),
  hol(["100", "Logic", "Formal_ineqs", "RichterHilbertAxiomGeometry", "EC", "GL", "miz3"], 1_800, "hol-light-hundred"),
  debian("hol88-library-source 2.02.19940316*", "public domain", [".ml"], 700),
  debian("agda-stdlib 1.7.1-1", "MIT", [".agda"], 2_600, {
    folders: AGDA.map((folder) => `usr/share/agda-stdlib/${folder}`),
    depth: 2,
  }),
  mathcomp("algebra 1.15.0*"),
  mathcomp("character 1.15.0*"),
  mathcomp("field 1.15.0*"),
  mathcomp("fingroup 1.15.0*"),
  mathcomp("multinomials 1.5.5*"),
  mathcomp("solvable 1.15.0*"),
  mathcomp("ssreflect 1.15.0*"),
  coq("ext-lib 0.11.7*", "BSD-2-Clause", 250),
  coq("hott 8.16-2*", "BSD-2-Clause", 1_200),
  coq("iris 4.0.0*", "BSD-3-Clause", 1_000),
  coq("math-classes 8.15.0*", "MIT", 400),
  coq("quickchick 1.6.4*", "MIT", 250),
  coq("unimath 20220816*", "UniMath (as MIT)", 1_800),
  debian("metamath-databases 0.0.0~20210101*", "CC0-1.0", ["/set.mm"], 2_000, { as: "metamath-set" }),
  debian("acl2-books-source 8.5dfsg-5", "BSD-3-Clause", [".lisp"], 1_800, { depth: 2 }),
]);
