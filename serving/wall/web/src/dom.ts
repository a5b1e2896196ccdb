// Elements in few words, and lists whose rows keep their identity and slide to their new place.

export type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | null | undefined | ((event: Event) => void)>;

/** Makes an element; attributes that are functions are listeners. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  assign(element, attributes);
  element.append(...children.filter((child): child is Node | string => Boolean(child)));
  return element;
}

/** Makes an element of a drawing. */
export function s<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Node[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  assign(element, attributes);
  element.append(...children);
  return element;
}

function assign(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
}

export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function toggle(element: Element, attribute: string, value: string | null): void {
  if (value === null) element.removeAttribute(attribute);
  else if (element.getAttribute(attribute) !== value) element.setAttribute(attribute, value);
}

export const still = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Puts children into an order with a short slide, none under reduced motion. */
export function reorder(parent: Element, children: Element[]): void {
  const same = children.length === parent.children.length && children.every((child, n) => parent.children[n] === child);
  if (same) return;
  const before = new Map(children.map((child) => [child, child.isConnected ? child.getBoundingClientRect().top : null]));
  parent.replaceChildren(...children);
  if (still()) return;
  for (const child of children) {
    const from = before.get(child);
    if (from === null || from === undefined) continue;
    const moved = from - child.getBoundingClientRect().top;
    if (Math.abs(moved) > 1) {
      child.animate([{ transform: `translateY(${moved}px)` }, { transform: "none" }], { duration: 220, easing: "ease-out" });
    }
  }
}
