/** The colours of the text, and the nats that they stand for. */
import { markedToken } from "memorizing-transformer/report";
import { make } from "../element.ts";

const LOSSES = ["−4", "−2", "−1", "−0.3", "−0.1"];
const GAINS = ["0.1", "0.3", "1", "2", "4"];

/** Returns the parts of the legend. */
export function legend(): (string | Node)[] {
  const swatches = [
    ...LOSSES.map((nats, i) => make("span", `swatch harm-${5 - i}`, nats)),
    make("span", "swatch", "0"),
    ...GAINS.map((nats, i) => make("span", `swatch gain-${i + 1}`, nats)),
  ];
  return [
    "Each token is coloured by the nats that the memory saves in its prediction: ",
    make("span", "swatches", ...swatches),
    `. ${markedToken}`,
  ];
}
