// The large figures: value, pace, the last half hour; and the strip of ratios below them.

import { h, toggle } from "./dom";
import { dot, fig, setChange, setDot, setFig, setSpark, sparkline } from "./figures";
import { explained, term, unitOf } from "./info";
import { exactMoney, figure, UNKNOWN } from "./numbers";
import { say } from "./text";
import type { Figures, Tile } from "./types";

export const METRICS = ["gmv_paid_minor", "net_gmv_minor", "orders_paid", "buyers", "online_users", "viewers"] as const;
export const RATIOS = ["gpm_views_minor", "gpm_viewers_minor", "ctr", "click_to_paid", "aov_minor", "refund_rate", "new_customer_share"] as const;
export const WORSE_IF_HIGH: ReadonlySet<string> = new Set(["refund_rate"]);
const FAR = 0.5;

class TileView {
  readonly root: HTMLElement;
  private readonly value = fig(UNKNOWN, UNKNOWN);
  private readonly change = h("span", { class: "change flat", tabindex: 0 });
  private readonly spark = sparkline();
  private readonly dot = dot(false);

  constructor(private readonly metric: string) {
    explained(this.change, () => say("change5"));
    this.root = h(
      "div",
      { class: "tile", "data-tile": metric },
      h("div", { class: "label" }, term(metric), this.dot),
      h("div", { class: "value" }, this.value),
      h("div", { class: "pace" }, this.change),
    );
    this.root.append(this.spark);
  }

  set(tile: Tile | null, isFinal: boolean): void {
    const value = tile?.value ?? null;
    const unit = unitOf(this.metric);
    const exact = figure(value, unit, true);
    setFig(this.value, unit === "minor" && value !== null && Math.abs(value) < 1e9 ? exactMoney(value) : figure(value, unit), exact);
    toggle(this.root, "data-final", isFinal ? "1" : "0");
    toggle(this.root, "title", value === null ? say(tile ? "ofPart" : "unknown") : null);
    setDot(this.dot, isFinal);
    setChange(this.change, tile?.change ?? null);
    setSpark(this.spark, tile?.spark ?? []);
  }
}

export class Tiles {
  readonly root = h("div", { class: "tiles" });
  private readonly tiles = new Map(METRICS.map((metric) => [metric as string, new TileView(metric)]));

  constructor() {
    this.root.append(...[...this.tiles.values()].map((tile) => tile.root));
  }

  set(tiles: Tile[], isFinal: boolean): void {
    const given = new Map(tiles.map((tile) => [tile.metric, tile]));
    for (const [metric, view] of this.tiles) view.set(given.get(metric) ?? null, isFinal);
  }
}

export class Ratios {
  readonly root = h("dl", { class: "ratios" });
  private readonly values = new Map(RATIOS.map((metric) => [metric as string, fig(UNKNOWN, UNKNOWN)]));

  constructor() {
    for (const [metric, value] of this.values) {
      this.root.append(h("div", { "data-ratio": metric }, h("dt", {}, term(metric)), h("dd", {}, value)));
    }
  }

  /** Shows ratios; one far worse than the whole platform's is red, and says so. */
  set(ratios: Figures, benchmark: Figures): void {
    for (const [metric, element] of this.values) {
      const [value, usual] = [ratios[metric] ?? null, benchmark[metric] ?? null];
      const exact = figure(value, unitOf(metric), true);
      const beside = usual === null ? exact : `${exact} (${say("platform")} ${figure(usual, unitOf(metric))})`;
      setFig(element, figure(value, unitOf(metric)), exact, beside);
      toggle(element.parentElement ?? element, "class", isFar(metric, value, usual) ? "worst" : null);
    }
  }
}

function isFar(metric: string, value: number | null, usual: number | null): boolean {
  if (value === null || !usual) return false;
  return WORSE_IF_HIGH.has(metric) ? value > usual / FAR : value < usual * FAR;
}
