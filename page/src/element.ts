/** Elements of index.html by id, and new ones. Texts are always text, never HTML. */

/** The element called `id`, which index.html has. */
export function byId<E extends HTMLElement = HTMLElement>(id: string): E {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`index.html has no element ${id}`);
  return element as E;
}

/** Makes an element with a class, and with texts and elements in it. */
export function make<K extends keyof HTMLElementTagNameMap>(
  name: K,
  className = "",
  ...content: readonly (string | Node)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  if (className !== "") element.className = className;
  element.append(...content);
  return element;
}

/** Makes a button that does something. */
export function makeButton(text: string, act: () => void): HTMLButtonElement {
  const button = make("button", "", text);
  button.type = "button";
  button.addEventListener("click", act);
  return button;
}

/** The terms and values of a list, such as figures. */
export function fillList(list: HTMLElement, rows: readonly (readonly [term: string, value: string])[]): void {
  list.replaceChildren(...rows.map(([term, value]) => make("div", "", make("dt", "", term), make("dd", "", value))));
}

/** Hides an element. If it has the keyboard's focus, `next` gets that, which would be lost otherwise. */
export function hide(element: HTMLElement, next: HTMLElement | null): void {
  const hadFocus = document.activeElement === element;
  element.hidden = true;
  if (hadFocus) next?.focus();
}
