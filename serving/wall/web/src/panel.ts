// A panel with a heading and a note, and what stands in it where there is nothing to draw.

import { h, type Child } from "./dom";
import { say } from "./text";

let numbered = 0;

export interface Panel {
  root: HTMLElement;
  body: HTMLElement;
  tools: HTMLElement;
}

export function panel(area: string, title: string, note = "", ...content: Child[]): Panel {
  const id = `panel-${++numbered}`;
  const body = h("div", { class: "body" }, ...content);
  const tools = h("div", { class: "tools" });
  const head = h("header", {}, h("h2", { id }, title), note ? h("p", { class: "note" }, note) : null, tools);
  const root = h("section", { class: `panel ${area}`, "aria-labelledby": id }, head, body);
  return { root, body, tools };
}

/** A title of one of two broadcasts, so that no two panels have the same. */
export function of(side: string, title: string): string {
  return side ? `${side} · ${title}` : title;
}

/** The designed absence of figures that nothing publishes yet. */
export function notPublished(what: string): HTMLElement {
  return h("p", { class: "absent" }, h("span", { class: "badge" }, say("notPublished")), " ", say("notPublishedLong", what));
}

export function told(title: string, text: string, kind = "empty"): HTMLElement {
  return h("div", { class: `told ${kind}`, role: kind === "error" ? "alert" : "status" }, h("h2", {}, title), h("p", {}, text));
}
