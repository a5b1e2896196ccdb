// Definitions on hover and on focus: one bubble for the whole page.

import { h, setText } from "./dom";
import { name } from "./text";
import type { Definitions } from "./types";

let definitions: Definitions = {};
const bubble = h("div", { id: "bubble", role: "tooltip", hidden: true });

export function setDefinitions(given: Definitions): void {
  definitions = given;
}

export function unitOf(metric: string): string {
  return definitions[metric]?.unit ?? (metric.endsWith("_minor") ? "minor" : "count");
}

export function mountBubble(): void {
  document.body.append(bubble);
  const hide = (): void => {
    bubble.hidden = true;
  };
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  addEventListener("scroll", hide, true);
}

/** A label that tells what its figure is while it is pointed at or focused. */
export function term(metric: string, label = name(metric, "metric_")): HTMLElement {
  const element = h("span", { class: "term", tabindex: 0, "data-metric": metric }, label);
  return explained(element, () => `${definitions[metric]?.formula ?? ""}\n${metric}`);
}

/** An element that tells a text while it is pointed at or focused. */
export function explained<E extends HTMLElement>(element: E, text: () => string): E {
  const show = (): void => {
    setText(bubble, text());
    bubble.hidden = false;
    element.setAttribute("aria-describedby", bubble.id);
    const at = element.getBoundingClientRect();
    const own = bubble.getBoundingClientRect();
    const left = Math.min(Math.max(8, at.left), innerWidth - own.width - 8);
    const below = at.bottom + 6 + own.height < innerHeight;
    bubble.style.left = `${left}px`;
    bubble.style.top = `${below ? at.bottom + 6 : at.top - own.height - 6}px`;
  };
  const hide = (): void => {
    bubble.hidden = true;
    element.removeAttribute("aria-describedby");
  };
  element.addEventListener("mouseenter", show);
  element.addEventListener("focus", show);
  element.addEventListener("mouseleave", hide);
  element.addEventListener("blur", hide);
  return element;
}
