/** The worker's entry: chooses the kernels, and answers the page with the engine that is loaded then. */
import { chooseKernels } from "./kernels.ts";
import { serve } from "./serve.ts";

chooseKernels(self.name);
serve(import("./answers.ts").then(({ answers }) => answers));
