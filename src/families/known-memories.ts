/**
 * What `memorizing calibrate` found for models that many people have: the heads that remember where nobody says otherwise. A model
 * is known by its fingerprint, so that another version of it, or another precision, is another model.
 */

/** What was found for one model. */
export interface KnownMemory {
  /** The model, for messages. */
  readonly name: string;
  /** Its fingerprint. */
  readonly model: string;
  /** Number of its parameters, so that no other model needs to be read to compare fingerprints. */
  readonly weights: number;
  /** The keys of a calibration's file. */
  readonly found: { readonly memory_layers: string; readonly neighbours?: number; readonly reach?: number };
}

export const knownMemories: readonly KnownMemory[] = [
  {
    name: "the calibration of SmolLM2-135M-Instruct (GGUF, Q4_1)",
    model: "b38d2966f4e47698",
    weights: 134_515_008,
    found: { memory_layers: "7:0,7:2,17:1,18:2,20:2,23:0,23:2,24:0", neighbours: 16 },
  },
];
