// A host's sign: there is no picture in the data, and none is loaded, so it is drawn from the name.

import { h, setText, toggle } from "./dom";

const HUES = 6;
const HAN = /\p{Script=Han}/u;

/** The letters for a name: LW of Li Wei, 李 of 李佳琦, C3 of an id such as sim-c003. */
export function initials(name: string): string {
  const words = name.match(/\p{L}+|\p{Nd}+/gu) ?? [];
  const letters = words.filter((word) => /^\p{L}/u.test(word));
  const [first, last] = [letters[0] ?? "", letters.at(-1) ?? ""];
  const number = words.at(-1) ?? "";
  if (!last) return number.slice(-2) || "?";
  if (/^\d/.test(number)) return `${[...last][0]?.toUpperCase()}${Number(number.slice(-2))}`;
  if (HAN.test(first)) return [...first][0] ?? "";
  return [first, ...(letters.length > 1 ? [last] : [])].map((word) => [...word][0]?.toUpperCase()).join("");
}

/** One of the hues, always the same one for a name. */
function hue(name: string): number {
  return [...name].reduce((sum, char) => (sum * 31 + (char.codePointAt(0) ?? 0)) % 9973, 7) % HUES;
}

/** The circle; it only decorates the name that stands beside it. */
export function avatar(name = ""): HTMLElement {
  const element = h("span", { class: "avatar", "aria-hidden": "true" });
  setAvatar(element, name);
  return element;
}

export function setAvatar(element: HTMLElement, name: string): void {
  setText(element, initials(name));
  toggle(element, "data-hue", String(hue(name)));
}
