// Traffic coupons: what they cost, what every model credits, and what they caused, on one scale.

import { h, s } from "./dom";
import { fig } from "./figures";
import { exactMoney, money, share, times, UNKNOWN } from "./numbers";
import { of, panel } from "./panel";
import { name, say } from "./text";
import type { CouponLine } from "./types";

const WIDTH = 400;
const HEIGHT = 34;
const MIDDLE = 12;
const MODELS = ["last_touch", "linear", "first_touch", "last_paid_touch", "time_decay", "position", "markov", "shapley"];
const TICKS = [0, 1, 3, 10, 30, 100, 300, 1000];

export class Coupons {
  readonly root: HTMLElement;
  private readonly list = h("ul", { class: "coupons" });

  constructor(side = "") {
    this.root = panel("coupon-panel", of(side, say("coupons")), say("couponsNote"), this.list).root;
    this.list.setAttribute("tabindex", "0");
    this.list.setAttribute("aria-label", of(side, say("coupons")));
  }

  set(coupons: CouponLine[]): void {
    const values = coupons.flatMap((row) => [...Object.values(row.roi), row.roi_high]).filter((value) => value !== null);
    const most = Math.max(2, ...values);
    const lines = coupons.map((row) => line(row, most));
    this.list.replaceChildren(...(lines.length ? lines : [h("li", { class: "absent" }, say("noCoupons"))]));
  }
}

function line(row: CouponLine, most: number): HTMLElement {
  const isIdle = row.roi_high !== null && row.roi_high < 1;
  return h(
    "li",
    { class: isIdle ? "bad" : "" },
    h("div", { class: "head" }, h("strong", {}, row.coupon_id), h("span", { class: "badge" }, name(row.status, "status_")), isIdle ? h("span", { class: "worst" }, `! ${say("idle")}`) : null),
    h(
      "dl",
      {},
      told(say("cost"), fig(money(row.cost_minor), exactMoney(row.cost_minor))),
      told(say("used"), share(row.used_share, 0)),
      told(say("lastTouch"), times(row.roi["last_touch"] ?? null)),
      told(say("caused"), h("strong", {}, row.incremental_roi === null ? UNKNOWN : times(row.incremental_roi)), ` ${interval(row)}`),
    ),
    plot(row, most),
  );
}

function told(label: string, ...value: (Node | string)[]): HTMLElement {
  return h("div", {}, h("dt", {}, label), h("dd", {}, ...value));
}

function interval(row: CouponLine): string {
  if (row.incremental_roi === null) return say("noHoldout");
  if (row.roi_low === null || row.roi_high === null) return `(${say("tooFew")})`;
  return `[${times(row.roi_low)} … ${times(row.roi_high)}]`;
}

/** Dots and an interval on a scale that is even near break-even and close far away. */
function plot(row: CouponLine, most: number): SVGSVGElement {
  const least = -most / 4;
  const low = Math.asinh(least);
  const at = (value: number): number => 8 + ((Math.asinh(Math.min(Math.max(value, least), most)) - low) / (Math.asinh(most) - low)) * (WIDTH - 16);
  const parts: SVGElement[] = [s("line", { class: "axis", x1: 4, x2: WIDTH - 4, y1: MIDDLE, y2: MIDDLE })];
  for (const tick of TICKS.filter((value) => value <= most)) {
    parts.push(s("line", { class: tick === 1 ? "even" : "tick", x1: at(tick), x2: at(tick), y1: 1, y2: MIDDLE + 9 }));
    const label = s("text", { x: at(tick), y: HEIGHT - 1, "text-anchor": "middle" });
    label.textContent = times(tick);
    parts.push(label);
  }
  if (row.roi_low !== null && row.roi_high !== null) {
    parts.push(s("rect", { class: "interval", x: at(row.roi_low), width: Math.max(2, at(row.roi_high) - at(row.roi_low)), y: MIDDLE - 5, height: 10, rx: 2 }));
  }
  for (const model of MODELS) {
    const value = row.roi[model];
    if (value !== null && value !== undefined) parts.push(s("circle", { class: model === "last_touch" ? "credit last" : "credit", cx: at(value), cy: MIDDLE, r: 3.5 }));
  }
  if (row.incremental_roi !== null) parts.push(s("line", { class: "point", x1: at(row.incremental_roi), x2: at(row.incremental_roi), y1: MIDDLE - 8, y2: MIDDLE + 8 }));
  const models = MODELS.map((model) => `${model} ${times(row.roi[model] ?? null)}`).join(", ");
  const title = s("title");
  title.textContent = `${models}; ${say("caused")} ${interval(row)}`;
  return s("svg", { class: "roi", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title.textContent }, title, ...parts);
}
