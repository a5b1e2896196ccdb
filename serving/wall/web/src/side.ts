// One of two broadcasts: who and when, and the room's panels.

import { Alarms } from "./alarms";
import { avatar, setAvatar } from "./avatar";
import { Coupons } from "./coupons";
import { letter } from "./differences";
import { h, setText } from "./dom";
import { FunnelPanel } from "./funnel";
import { clock, day } from "./numbers";
import { panel } from "./panel";
import { Products } from "./products";
import { say } from "./text";
import { Traffic } from "./traffic";
import { TrendChart, type Other, type Scale } from "./trend";
import type { RoomData } from "./types";

const MINUTE = 60_000;

export class Side {
  readonly head: HTMLElement;
  private readonly avatar = avatar();
  private readonly title = h("h2");
  private readonly who = h("p", { class: "subtitle" });
  private readonly at = h("p", { class: "at" });
  private readonly trend: TrendChart;
  private readonly funnel: FunnelPanel;
  private readonly products: Products;
  private readonly traffic: Traffic;
  private readonly coupons: Coupons;
  private readonly alarms: Alarms;
  /** What stands in the two columns, from top to bottom. */
  readonly parts: HTMLElement[];

  constructor(n: number) {
    const name = n ? "B" : "A";
    this.trend = new TrendChart(`${name} · ${say("perMinute")}`);
    this.funnel = new FunnelPanel(name);
    this.products = new Products(name);
    this.traffic = new Traffic(say("trafficNote"), name);
    this.coupons = new Coupons(name);
    this.alarms = new Alarms(name);
    this.head = h("div", { class: "side-head" }, letter(n), this.avatar, h("div", { class: "who" }, this.title, this.who), this.at);
    const trend = panel("trend-panel", `${name} · ${say("perMinute")}`, say("sinceStart"), this.trend.root).root;
    this.parts = [this.head, trend, this.funnel.root, this.products.root, this.traffic.root, this.coupons.root, this.alarms.root];
  }

  set(data: RoomData, minute: number | null, scale: Scale, other: Other | null): void {
    setAvatar(this.avatar, data.creator_id ?? "");
    this.avatar.hidden = data.creator_id === null;
    setText(this.title, data.room_id);
    const parts = [data.creator_id && say("host", data.creator_id), data.session_id, data.from_ms !== null && day(data.from_ms)];
    setText(this.who, parts.filter(Boolean).join(" · "));
    setText(this.at, moment(data, minute));
    this.funnel.set(data.total, data.to_pay_ms);
    this.products.set(data.products, data.suggestions);
    this.traffic.set(data.sources);
    this.coupons.set(data.coupons);
    this.alarms.set(data.alarms);
    if (!data.trend) return;
    const marks = data.marks.filter((mark) => data.shown_to_ms === null || mark.at_ms < data.shown_to_ms);
    this.trend.set({ trend: data.trend, marks, finalToMs: data.moment.final_to_ms, other, minutes: scale.minutes, scale });
  }

  dispose(): void {
    this.trend.dispose();
  }
}

/** How many minutes a broadcast has lasted, or lasted. */
export function lengthOf(data: RoomData): number {
  return data.from_ms === null || data.to_ms === null ? 0 : Math.round((data.to_ms - data.from_ms) / MINUTE);
}

/** Which of its own minutes is shown; one that was shorter says that it is over. */
function moment(data: RoomData, minute: number | null): string {
  if (data.from_ms === null || data.shown_to_ms === null) return "";
  const shown = Math.round((data.shown_to_ms - data.from_ms) / MINUTE);
  const length = lengthOf(data);
  if (data.on_air && !data.is_part) return `${say("onAir")} · ${say("minutes", shown)} · ${clock(data.shown_to_ms)}`;
  if (minute !== null && minute > length) return say("overAfter", length);
  if (!data.is_part) return `${say("whole")} · ${say("minutes", length)}`;
  return `${say("minuteOf", shown, length)} · ${clock(data.shown_to_ms)}`;
}
