/** Constants that page/build.mjs puts in, and the styles of reports. */

/** Models that come with the page; a digest is part of an address, so that a cache keeps the right bytes. */
declare const __MODELS__: readonly {
  readonly name: string;
  readonly files: readonly { readonly file: string; readonly bytes: number; readonly digest: string }[];
}[];
declare const __VERSION__: string;
/** Every file of the page except models, relative to it, and a digest of all of them. */
declare const __SHELL__: { readonly files: readonly string[]; readonly digest: string };

declare module "*.css";
declare module "virtual:report.css";
