// A figure in few digits with its exact value beside it, for pointing at and for copying.

import { h, s, setText, toggle } from "./dom";
import { figure, plain, share, UNKNOWN } from "./numbers";
import { say } from "./text";

export function fig(shown: string, exact: string, attributes: Record<string, string> = {}): HTMLElement {
  const element = h("data", { class: "fig", value: exact, ...attributes }, shown);
  if (exact !== shown) element.title = exact;
  return element;
}

export function valued(value: number | null, unit: string, attributes: Record<string, string> = {}): HTMLElement {
  return fig(figure(value, unit), figure(value, unit, true), attributes);
}

export function setFig(element: HTMLElement, shown: string, exact: string, title = exact): void {
  setText(element, shown);
  toggle(element, "value", exact);
  toggle(element, "title", title === shown ? null : title);
}

/** What is copied of a figure is its exact value. */
export function copyExactly(event: ClipboardEvent): void {
  const selection = getSelection();
  if (!selection || selection.isCollapsed || !event.clipboardData) return;
  const part = selection.getRangeAt(0).cloneContents();
  const held = part.querySelectorAll<HTMLElement>("data.fig");
  const around = selection.anchorNode?.parentElement?.closest<HTMLElement>("data.fig");
  if (!held.length && !around) return;
  for (const each of held) each.textContent = each.getAttribute("value");
  event.clipboardData.setData("text/plain", (held.length ? part.textContent : around?.getAttribute("value")) ?? "");
  event.preventDefault();
}

/** ▲ or ▼ with how much; never by colour alone. */
export function setChange(element: HTMLElement, change: number | null): void {
  tell(element, change, (value) => share(value), false);
}

/** How far a figure is from another, as a share of that; of some figures more is worse. */
export function setRelative(element: HTMLElement, own: number | null, other: number | null, isWorse = false): void {
  tell(element, own === null || !other ? null : own / other - 1, (value) => share(value), isWorse);
}

/** How far a share is from another, in points of a hundred. */
export function setPoints(element: HTMLElement, own: number | null, other: number | null, isWorse = false): void {
  tell(element, own === null || other === null ? null : own - other, (value) => say("points", plain(value * 100, 1)), isWorse);
}

function tell(element: HTMLElement, change: number | null, text: (value: number) => string, isWorse: boolean): void {
  const way = change === null || Math.abs(change) < 0.0005 ? "flat" : change > 0 ? "up" : "down";
  const arrow = { up: "▲", down: "▼", flat: "■" }[way];
  const tone = way === "flat" || !isWorse ? way : way === "up" ? "down" : "up";
  setText(element, change === null ? UNKNOWN : `${arrow} ${text(Math.abs(change))}`);
  toggle(element, "class", `change ${tone}`);
}

/** The dot that says whether a figure is final. */
export function dot(isFinal: boolean): HTMLElement {
  const element = h("span", { class: "dot", role: "img" });
  setDot(element, isFinal);
  return element;
}

export function setDot(element: HTMLElement, isFinal: boolean): void {
  const text = say(isFinal ? "final" : "provisional");
  toggle(element, "data-final", isFinal ? "1" : "0");
  toggle(element, "aria-label", text);
  toggle(element, "title", text);
}

const WIDTH = 120;
const HEIGHT = 28;

/** A line of the last minutes, without axes. */
export function sparkline(): SVGSVGElement {
  return s(
    "svg",
    { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    s("path", { class: "area" }),
    s("path", { class: "line" }),
  );
}

export function setSpark(spark: SVGSVGElement, values: (number | null)[]): void {
  const known = values.filter((value): value is number => value !== null);
  const low = Math.min(0, ...known);
  const high = Math.max(...known, low + 1);
  const at = (value: number, n: number): string =>
    `${((n / Math.max(values.length - 1, 1)) * WIDTH).toFixed(1)},${(HEIGHT - 1 - ((value - low) / (high - low)) * (HEIGHT - 2)).toFixed(1)}`;
  const points = values.flatMap((value, n) => (value === null ? [] : [at(value, n)]));
  const line = points.length > 1 ? `M${points.join("L")}` : "";
  const [area, stroke] = spark.children;
  area?.setAttribute("d", line ? `${line}L${WIDTH},${HEIGHT}L0,${HEIGHT}Z` : "");
  stroke?.setAttribute("d", line);
}
