// The figures of two broadcasts, at the places that they have in the room, and how far the first is from the second.

import { h, setText, toggle } from "./dom";
import { dot, fig, setDot, setFig, setPoints, setRelative } from "./figures";
import { explained, term, unitOf } from "./info";
import { exactMoney, figure, UNKNOWN } from "./numbers";
import { say } from "./text";
import { METRICS, RATIOS, WORSE_IF_HIGH } from "./tiles";
import type { RoomData } from "./types";

const LETTERS = ["A", "B"] as const;

class Difference {
  readonly root: HTMLElement;
  private readonly values = LETTERS.map(() => ({ value: fig(UNKNOWN, UNKNOWN), dot: dot(false), line: h("div") }));
  private readonly change = h("span", { class: "change flat", tabindex: 0 });

  constructor(private readonly metric: string, kind: string) {
    explained(this.change, () => say("difference"));
    for (const [n, { value, dot, line }] of this.values.entries()) line.append(h("dt", {}, letter(n)), h("dd", {}, value, dot));
    this.root = h(
      "div",
      { class: `${kind} difference`, "data-difference": metric },
      h("div", { class: "label" }, term(metric)),
      h("dl", {}, ...this.values.map(({ line }) => line)),
      this.change,
    );
  }

  set(figures: (number | null)[], sides: RoomData[]): void {
    const unit = unitOf(this.metric);
    for (const [n, { value, dot, line }] of this.values.entries()) {
      const [own, side] = [figures[n] ?? null, sides[n]];
      const isFinal = Boolean(side?.is_final && !side.is_part);
      setFig(value, unit === "minor" && own !== null && Math.abs(own) < 1e9 && !this.isRatio ? exactMoney(own) : figure(own, unit), figure(own, unit, true));
      toggle(line, "data-final", isFinal ? "1" : "0");
      toggle(line, "title", own === null ? say(side?.is_part ? "ofPart" : "unknown") : null);
      setDot(dot, isFinal);
      dot.hidden = own === null;
    }
    const [own, other] = [figures[0] ?? null, figures[1] ?? null];
    const tell = unit === "share" ? setPoints : setRelative;
    tell(this.change, own, other, WORSE_IF_HIGH.has(this.metric));
  }

  private get isRatio(): boolean {
    return (RATIOS as readonly string[]).includes(this.metric);
  }
}

export class Differences {
  readonly tiles = h("div", { class: "tiles across" });
  readonly ratios = h("div", { class: "ratios across" });
  private readonly large = METRICS.map((metric) => ({ metric, view: new Difference(metric, "tile") }));
  private readonly small = RATIOS.map((metric) => ({ metric, view: new Difference(metric, "ratio") }));

  constructor() {
    this.tiles.append(...this.large.map(({ view }) => view.root));
    this.ratios.append(...this.small.map(({ view }) => view.root));
  }

  set(own: RoomData, other: RoomData): void {
    const sides = [own, other];
    for (const { metric, view } of this.large) view.set(sides.map((side) => side.tiles.find((tile) => tile.metric === metric)?.value ?? null), sides);
    for (const { metric, view } of this.small) view.set(sides.map((side) => side.ratios[metric] ?? null), sides);
  }
}

/** A or B, as it stands wherever something is of one of the two. */
export function letter(n: number): HTMLElement {
  const element = h("span", { class: "letter", "data-letter": LETTERS[n] ?? "" });
  setText(element, LETTERS[n] ?? "");
  return element;
}
