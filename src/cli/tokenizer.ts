/** `memorizing tokenizer train`: learns a byte-level BPE vocabulary and writes it as a Hugging Face tokenizer.json. */
import process from "node:process";
import { type Document, textOf } from "../data/corpus.ts";
import { jsonText } from "../formats/json-file.ts";
import { writeFileAtomic } from "../platform/atomic-write.ts";
import { ProgressLine } from "../report/progress.ts";
import { trainBpe } from "../text/bpe-trainer.ts";
import { command } from "./arguments/command.ts";
import { flag, integer, required, text } from "./arguments/options.ts";
import { documentsAt, selectionOptions } from "./documents.ts";
import { tokenizerFile } from "./outputs/kinds.ts";
import { forceOption, Outputs } from "./outputs/outputs.ts";
import { printJson, printLine } from "./printing.ts";
import { summaries } from "./summaries.ts";

export const tokenizerTrainCommand = command(
  {
    name: "memorizing tokenizer train",
    summary: summaries["tokenizer train"],
    options: {
      data: required(text("DIR|FILE", "documents to learn from; - is standard input")),
      ...selectionOptions,
      vocabSize: required(integer("tokens wanted, the 256 bytes among them", 256, 2 ** 24)),
      out: required(text("FILE", "where the tokenizer.json goes")),
      force: forceOption,
      json: flag("prints the result as JSON"),
    },
  },
  async ({ data, include, exclude, vocabSize, out, force, json }) => {
    const progress = new ProgressLine(process.stderr);
    const documents = documentsAt([data], { include, exclude }, progress);
    const inputs = documents.flatMap(({ files }) => files);
    const outputs = new Outputs({ outputs: [{ option: "--out", path: out, kind: tokenizerFile }], inputs, force });
    progress.note(`counting the words of ${documents.length} documents`);
    const tokenizer = trainBpe(textsOf(documents), {
      vocabSize,
      onProgress: (tokens) => progress.show(`${tokens}/${vocabSize} tokens`),
    });
    progress.end();
    outputs.check();
    writeFileAtomic(out, jsonText(tokenizer));
    const tokens = Object.keys(tokenizer.model.vocab).length;
    const few = tokens < vocabSize ? "; the text has no pairs for more" : "";
    if (json) printJson({ vocab_size: tokens, file: out }, outputs.results);
    else printLine(`${out}: a vocabulary of ${tokens} tokens${few}`, outputs.results);
    return 0;
  },
);

/** One text at a time, so that they are not all in memory. */
function* textsOf(documents: readonly Document[]): Generator<string> {
  for (const document of documents) yield textOf(document);
}
