/** A text while it is written: each token is a button that tells where it came from. Arrow keys move between them. */
import { make } from "../element.ts";
import type { WrittenToken } from "../engine/calls.ts";

export class WrittenText {
  private readonly root: HTMLElement;
  private readonly show: (token: WrittenToken) => void;

  /** Empties `root`, and puts the prompt there. */
  constructor(root: HTMLElement, prompt: string, show: (token: WrittenToken) => void) {
    this.root = root;
    this.show = show;
    root.replaceChildren(make("span", "prompt", prompt));
    root.onkeydown = (event) => move(event);
  }

  add(token: WrittenToken): void {
    if (token.text === "") return;
    const element = make("span", shadeOf(token), token.text);
    element.setAttribute("role", "button");
    element.tabIndex = this.root.children.length === 1 ? 0 : -1;
    element.addEventListener("click", () => this.choose(element, token));
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      this.choose(element, token);
    });
    this.root.append(element);
  }

  private choose(element: HTMLElement, token: WrittenToken): void {
    for (const other of this.root.querySelectorAll(".pinned")) {
      other.classList.remove("pinned");
      other.setAttribute("aria-pressed", "false");
    }
    element.classList.add("pinned");
    element.setAttribute("aria-pressed", "true");
    this.show(token);
  }
}

/** A colour by how much of the answer came from the memory: the largest gate, times the weight of its best pair. */
function shadeOf({ gates, passages }: WrittenToken): string {
  const [best] = passages;
  if (best === undefined) return "";
  const gate = gates.find(({ head }) => head === best.head)?.gate ?? 0;
  const level = [0.1, 0.2, 0.35, 0.5, 0.7].filter((least) => gate * best.weight >= least).length;
  return level > 0 ? `gain-${level}` : "";
}

/** Moves the keyboard to the token before or behind. */
function move(event: KeyboardEvent): void {
  const { key, target } = event;
  if (!(target instanceof HTMLElement) || (key !== "ArrowRight" && key !== "ArrowLeft")) return;
  const next = key === "ArrowRight" ? target.nextElementSibling : target.previousElementSibling;
  if (!(next instanceof HTMLElement) || next.className === "prompt") return;
  event.preventDefault();
  target.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}
