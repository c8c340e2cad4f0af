/** The end of a command that goes on until somebody ends it. */
import process from "node:process";

/** Resolves at the first Ctrl-C or kill. A second one ends the program as the system does. */
export function ending(): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      process.off("SIGINT", end);
      process.off("SIGTERM", end);
      resolve();
    };
    process.on("SIGINT", end);
    process.on("SIGTERM", end);
  });
}
