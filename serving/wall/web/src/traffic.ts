// Where viewers and money come from: two aligned bars a source, and whether its money is over or under its views.

import { h } from "./dom";
import { fig } from "./figures";
import { count, exactMoney, plain, share, UNKNOWN } from "./numbers";
import { of, panel } from "./panel";
import { name, say } from "./text";
import type { Source } from "./types";

export class Traffic {
  readonly root: HTMLElement;
  private readonly list = h("ul", { class: "traffic" });

  constructor(note: string, side = "") {
    this.root = panel("traffic-panel", of(side, say("traffic")), note, this.list).root;
  }

  set(sources: Source[]): void {
    const most = Math.max(...sources.flatMap((each) => [each.views_share ?? 0, each.money_share ?? 0]), 0.01);
    this.list.replaceChildren(...sources.map((source) => line(source, most)));
  }
}

function line(source: Source, most: number): HTMLElement {
  const views = h("span", { class: "bar views" });
  const gmv = h("span", { class: "bar money" });
  views.style.width = `${((source.views_share ?? 0) / most) * 100}%`;
  gmv.style.width = `${((source.money_share ?? 0) / most) * 100}%`;
  const index = source.views_share && source.money_share !== null ? source.money_share / source.views_share : null;
  return h(
    "li",
    {},
    h("span", { class: "name", title: source.source }, name(source.source, "source_")),
    h("span", { class: "left" }, fig(share(source.views_share, 0), count(source.views)), views),
    h("span", { class: "right" }, gmv, fig(share(source.money_share, 0), exactMoney(source.gmv_paid_minor))),
    h("span", { class: `index ${index !== null && index >= 1 ? "up" : "down"}` }, index === null ? UNKNOWN : `${index >= 1 ? "▲" : "▼"} ${plain(index, 1)}×`),
  );
}
