/** A program that does nothing; start.ts measures what the engine needs to start it. */
export {};
