// Traffic coupons: what they cost, what every model credits, and what they caused, on one scale.

import { h, s } from "./dom";
import { fig } from "./figures";
import { exactMoney, money, share, times } from "./numbers";
import { panel } from "./panel";
import { Table } from "./table";
import { say } from "./text";
import { short } from "./trend";
import type { CouponLine } from "./types";

const WIDTH = 200;
const HEIGHT = 22;
const MODELS = ["last_touch", "linear", "first_touch", "last_paid_touch", "time_decay", "position", "markov", "shapley"];

export class Coupons {
  readonly root: HTMLElement;
  private readonly table: Table<CouponLine>;
  private most = 2;

  constructor() {
    this.table = new Table<CouponLine>(
      say("coupons"),
      [
        { key: "coupon", head: say("coupon"), text: true, cell: (row) => titled(row.coupon_id) },
        { key: "cost", head: say("cost"), by: (row) => row.cost_minor ?? -1, cell: (row) => fig(money(row.cost_minor), exactMoney(row.cost_minor)) },
        { key: "used", head: say("used"), by: (row) => row.used_share ?? -1, cell: (row) => share(row.used_share, 0) },
        { key: "last", head: say("lastTouch"), by: (row) => row.roi["last_touch"] ?? -1, cell: (row) => times(row.roi["last_touch"] ?? null) },
        { key: "caused", head: say("caused"), by: (row) => row.incremental_roi ?? -Infinity, cell: (row) => caused(row) },
        { key: "plot", head: say("interval"), text: true, cell: (row) => plot(row, this.most) },
      ],
      (row) => row.coupon_id,
      "cost",
    );
    this.root = panel("coupon-panel", say("coupons"), say("couponsNote"), this.table.root).root;
  }

  set(coupons: CouponLine[]): void {
    const values = coupons.flatMap((row) => [...Object.values(row.roi), row.roi_high]);
    this.most = Math.max(2, ...values.filter((value): value is number => value !== null));
    this.table.update(coupons, (row) => (row.roi_high !== null && row.roi_high < 1 ? "bad" : ""));
  }
}

function titled(id: string): HTMLElement {
  return h("span", { title: id }, short(id));
}

function caused(row: CouponLine): HTMLElement | string {
  if (row.incremental_roi === null) return h("span", { class: "muted" }, say("noHoldout"));
  if (row.roi_low === null || row.roi_high === null) return `${times(row.incremental_roi)} (${say("tooFew")})`;
  return h(
    "span",
    { title: `${times(row.roi_low)} … ${times(row.roi_high)}` },
    times(row.incremental_roi),
  );
}

/** Dots and an interval on a scale that is even near break-even and close far away. */
function plot(row: CouponLine, most: number): SVGSVGElement {
  const low = Math.asinh(-most / 4);
  const at = (value: number): number => 6 + ((Math.asinh(Math.max(value, -most / 4)) - low) / (Math.asinh(most) - low)) * (WIDTH - 12);
  const middle = HEIGHT / 2;
  const parts: SVGElement[] = [
    s("line", { class: "axis", x1: 4, x2: WIDTH - 4, y1: middle, y2: middle }),
    s("line", { class: "even", x1: at(1), x2: at(1), y1: 2, y2: HEIGHT - 2 }),
  ];
  for (const model of MODELS) {
    const value = row.roi[model];
    if (value !== null && value !== undefined) parts.push(s("circle", { class: model === "last_touch" ? "credit last" : "credit", cx: at(value), cy: middle, r: 3 }));
  }
  if (row.roi_low !== null && row.roi_high !== null) {
    parts.push(s("rect", { class: "interval", x: at(row.roi_low), width: Math.max(2, at(row.roi_high) - at(row.roi_low)), y: middle - 4, height: 8, rx: 2 }));
  }
  if (row.incremental_roi !== null) parts.push(s("line", { class: "point", x1: at(row.incremental_roi), x2: at(row.incremental_roi), y1: middle - 7, y2: middle + 7 }));
  const models = MODELS.map((model) => `${model} ${times(row.roi[model] ?? null)}`).join(", ");
  const interval = row.roi_low === null ? say("noHoldout") : `${times(row.roi_low)} … ${times(row.roi_high)}`;
  return s("svg", { class: "roi", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${models}; ${say("caused")}: ${interval}` }, ...parts);
}
