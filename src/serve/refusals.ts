/** Refusals as clients of OpenAI's interface know them: a status, and an object that says in one sentence what is wrong. */
import { NotFiniteError } from "../autodiff/tape.ts";
import { InputError } from "../base/errors.ts";
import { printable } from "../base/printable.ts";

/** The kind of a refusal, by its status. */
const TYPES: Readonly<Record<number, string>> = {
  403: "permission_error",
  404: "not_found_error",
  429: "rate_limit_error",
  500: "server_error",
  503: "server_error",
  504: "timeout_error",
};

/** A request that is not answered. Its message is one sentence. */
export class Refusal extends Error {
  readonly status: number;
  /** The field at fault, if there is one. */
  readonly param: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, param?: string, headers: Readonly<Record<string, string>> = {}) {
    super(printable(message));
    this.status = status;
    this.param = param;
    this.headers = headers;
  }

  /** The body of the answer. */
  get body(): object {
    const type = TYPES[this.status] ?? "invalid_request_error";
    return { error: { message: this.message, type, param: this.param ?? null, code: null } };
  }
}

/** A fault of the server itself: a disk that is full, a damaged file. The client is told the message, the log the cause, which may name paths. */
export class ServerFault extends Refusal {
  constructor(message: string, cause: unknown) {
    super(500, message);
    this.cause = cause;
  }
}

/**
 * The refusal that tells a client of `error`: a mistake in its request, or a fault of the server, which keeps the details. Numbers that
 * are not finite come from the model's weights, and no request can help it.
 */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof InputError && !(error instanceof NotFiniteError)) return new Refusal(400, error.message);
  return new Refusal(500, "the server could not answer because of an error of its own; its log has the details");
}
