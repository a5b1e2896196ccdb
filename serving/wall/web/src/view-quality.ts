// What was refused and why, what the orders do not explain, what the store went through.

import { read } from "./api";
import { h } from "./dom";
import { valued } from "./figures";
import { clock, day, exactMoney, setPlace, share } from "./numbers";
import { notPublished, panel } from "./panel";
import { Table } from "./table";
import { name, say } from "./text";
import type { QualityData } from "./types";
import type { Heading, View } from "./view";

type Refusal = QualityData["refusals"][number];

export class QualityView implements View {
  readonly root = h("div", { class: "view quality" });
  private readonly refused = h("div");
  private readonly table = new Table<Refusal>(
    say("refusedWhy"),
    [
      { key: "reason", head: say("reason"), text: true, by: (row) => row.reason, cell: (row) => row.reason },
      { key: "count", head: say("count"), by: (row) => row.count, cell: (row) => valued(row.count, "count") },
      { key: "samples", head: say("examples"), text: true, cell: samples },
    ],
    (row) => row.reason,
    "count",
  );
  private readonly verdicts = h("dl", { class: "pairs" });
  private readonly refunds = h("div");
  private readonly incidents = h("div");
  private readonly drift = h("div");

  constructor() {
    this.root.append(
      panel("wide", say("refusedWhy"), "", this.refused).root,
      panel("", say("verdicts"), "", this.verdicts).root,
      panel("", say("openRefunds"), "", this.refunds).root,
      panel("", say("incidents"), "", this.incidents).root,
      panel("", say("driftTitle"), say("driftNote"), this.drift).root,
      panel("", say("docs"), "", notPublished(say("docs")), h("p", { class: "muted" }, say("docsHow"))).root,
    );
  }

  async refresh(): Promise<Heading> {
    const data = await read<QualityData>("quality");
    setPlace(data.moment.currency, data.moment.timezone);
    this.table.update(data.refusals);
    this.refused.replaceChildren(data.refusals.length ? this.table.root : h("p", { class: "good" }, `✓ ${say("nothingRefused")}`));
    const verdicts = Object.entries(data.verdicts);
    this.verdicts.replaceChildren(...(verdicts.length ? verdicts.map(([key, value]) => pair(key, valued(value, "count"))) : [h("div", {}, h("dt", {}, say("deadLetters")), h("dd", {}, valued(data.refused, "count")))]));
    const open = Object.entries(data.open_refunds);
    this.refunds.replaceChildren(
      open.length
        ? h("dl", { class: "pairs" }, ...open.map(([kind, [count, minor]]) => pair(kind, h("span", {}, valued(count, "count"), ` · ${exactMoney(minor)}`))))
        : h("p", { class: "good" }, `✓ ${say("noOpenRefunds")}`),
    );
    const incidents = Object.entries(data.incidents).filter(([, count]) => count);
    this.incidents.replaceChildren(
      incidents.length
        ? h("dl", { class: "pairs" }, ...incidents.map(([key, count]) => pair(key, valued(count, "count"))))
        : h("p", { class: "good" }, `✓ ${say("noIncidents")}`),
    );
    this.drift.replaceChildren(
      data.drift.length
        ? h("dl", { class: "pairs" }, ...data.drift.map((each) => pair(name(each.metric, "metric_"), drifted(each))))
        : h("p", { class: "muted" }, say("driftNone")),
    );
    return { moment: data.moment, title: say("quality"), subtitle: "", state: null, length: "" };
  }

  dispose(): void {
    // Nothing is drawn outside the document.
  }
}

export function pair(key: string, value: Node | string): HTMLElement {
  return h("div", {}, h("dt", {}, key), h("dd", {}, value));
}

function drifted(each: QualityData["drift"][number]): HTMLElement {
  const sign = each.drifted ? "△ " : "✓ ";
  const text = say("driftPair", share(each.now), share(each.before), `${each.z > 0 ? "+" : "−"}${Math.abs(each.z).toFixed(1)}`);
  return h("span", { class: each.drifted ? "warn" : "good" }, sign, text);
}

function samples(row: Refusal): HTMLElement {
  return h("ul", { class: "samples" }, ...row.samples.map((each) =>
    h("li", {}, h("code", {}, each.event_id ?? "?"), ` ${each.detail || each.rule}`, each.event_time_ms === null ? "" : ` · ${day(each.event_time_ms)} ${clock(each.event_time_ms)}`)));
}
