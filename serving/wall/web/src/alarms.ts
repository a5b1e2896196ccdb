// What is wrong or new: one line each, newest first, until it is dismissed.

import { h } from "./dom";
import { clock, count, money, share, times } from "./numbers";
import { of, panel } from "./panel";
import { name, say, type Key } from "./text";
import type { Alarm } from "./types";

const dismissed = new Set<string>();
const MARK = { alarm: "!", warn: "△", good: "✓" } as const;
const SHOWN = 12;

export class Alarms {
  readonly root: HTMLElement;
  private readonly list = h("ul", { class: "alarms" });
  private held: Alarm[] = [];

  constructor(side = "") {
    this.root = panel("alarm-panel", of(side, say("alarms")), "", this.list).root;
    this.list.setAttribute("tabindex", "0");
    this.list.setAttribute("aria-label", of(side, say("alarms")));
  }

  set(alarms: Alarm[]): void {
    this.held = alarms;
    const shown = alarms.filter((alarm) => !dismissed.has(idOf(alarm))).slice(0, SHOWN);
    const lines = shown.map((alarm) => this.line(alarm));
    this.list.replaceChildren(...(lines.length ? lines : [h("li", { class: "none" }, say("noAlarms"))]));
  }

  private line(alarm: Alarm): HTMLElement {
    const dismiss = (): void => {
      dismissed.add(idOf(alarm));
      this.set(this.held);
    };
    return h(
      "li",
      { class: alarm.severity },
      h("span", { class: "sign", "aria-hidden": "true" }, MARK[alarm.severity]),
      h("span", { class: "what" }, say(alarm.kind as Key, ...values(alarm), name(alarm.id, "metric_"))),
      h("span", { class: "since" }, alarm.since_ms === null ? "" : say("since", clock(alarm.since_ms))),
      h("button", { class: "quiet", "aria-label": `${say("dismiss")}: ${alarm.id}`, click: dismiss }, "×"),
    );
  }
}

function idOf(alarm: Alarm): string {
  return `${alarm.kind}/${alarm.scope}/${alarm.id}/${alarm.since_ms}`;
}

function values(alarm: Alarm): [string, string] {
  const tell = alarm.kind.startsWith("gmv")
    ? money
    : alarm.kind === "coupon_over"
      ? count
      : alarm.kind.startsWith("coupon")
        ? times
        : share;
  return [tell(alarm.value), tell(alarm.benchmark)];
}
