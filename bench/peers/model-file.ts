/** Brings the model that benchmarks read and write with: SmolLM2-135M-Instruct, 98 MB, which stays where `npm run test:models` has it. */
import { existsSync } from "node:fs";
import { modelFile, modelFolder, root } from "../places.ts";
import { succeeds } from "./command.ts";

/** Whether the model is there, or could be brought. */
export function bringModel(say: (line: string) => void): boolean {
  if (existsSync(modelFile)) return true;
  say("bringing SmolLM2-135M-Instruct (98 MB) …");
  return succeeds(["sh", "models/smollm2.sh", modelFolder], root) && existsSync(modelFile);
}
