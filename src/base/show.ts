/** Values as messages show them: short, on one line, and of what is nested or long only what it is. */

const MOST_CHARACTERS = 60;

/** The value as it would stand in JSON, cut to a length that fits a message; an object by the name of its class. */
export function show(value: unknown): string {
  const text = Array.isArray(value) ? `[${value.slice(0, MOST_CHARACTERS).map(showItem)}]` : showItem(value);
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
}

/**
 * A number with commas between the thousands: `65,536`; one too long for that stays as it is: `1e+21`. Modules say so of their
 * limits while they load, and starting `Intl` for that would take longer than any of them.
 */
export function showNumber(value: number): string {
  const text = String(value);
  if (text.includes("e")) return text;
  return text.replace(/^-?\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ","));
}

function showItem(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.slice(0, MOST_CHARACTERS));
    case "object":
      return value === null ? "null" : showObject(value);
    case "function":
      return "a function";
    case "bigint":
      return `${value}n`;
    default:
      return String(value);
  }
}

function showObject(value: object): string {
  if (Array.isArray(value)) return "[…]";
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  if (typeof name !== "string" || name === "" || name === "Object") return "{…}";
  const count = ArrayBuffer.isView(value) && "length" in value ? ` of ${value.length}` : "";
  return `${/^[AEIO]/.test(name) ? "an" : "a"} ${name}${count}`;
}
