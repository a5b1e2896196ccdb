// How many went on: viewed, clicked, paid, bought again.

import { h } from "./dom";
import { fig } from "./figures";
import { term } from "./info";
import { count, duration, exactCount, share, UNKNOWN } from "./numbers";
import { of, panel } from "./panel";
import { say } from "./text";
import type { Figures } from "./types";

const STEPS = ["viewers", "clickers", "buyers", "repurchase_orders"] as const;

export class FunnelPanel {
  readonly root: HTMLElement;
  private readonly list = h("ol", { class: "funnel" });

  constructor(side = "") {
    this.root = panel("funnel-panel", of(side, say("funnel")), say("funnelNote"), this.list).root;
  }

  /** Shows the steps; `toPayMs` is the one time between two of them that is known of a room. */
  set(total: Figures, toPayMs: number | null): void {
    const values = STEPS.map((step) => total[step] ?? null);
    this.list.replaceChildren(...STEPS.map((step, n) => line(step, values[n] ?? null, values[0] ?? null, n ? (values[n - 1] ?? null) : null, step === "buyers" ? toPayMs : null)));
  }
}

function line(step: string, value: number | null, all: number | null, before: number | null, tookMs: number | null): HTMLElement {
  const bar = h("span", { class: "bar" });
  bar.style.width = `${value !== null && all ? Math.max((value / all) * 100, 0.5) : 0}%`;
  const rate = value !== null && before ? share(value / before) : before === null && value !== null ? "" : UNKNOWN;
  return h(
    "li",
    {},
    h("span", { class: "name" }, step === "repurchase_orders" ? term(step, say("again")) : term(step), tookMs !== null && h("span", { class: "took" }, say("toPay", duration(tookMs)))),
    value === null ? h("span", { class: "muted", title: say("ofPart") }, UNKNOWN) : fig(count(value), exactCount(value)),
    h("span", { class: "rate" }, rate),
    h("span", { class: "track" }, bar),
  );
}
