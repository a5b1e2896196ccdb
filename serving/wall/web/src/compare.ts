// Two broadcasts side by side, each by the minutes since its own start, under one slider.

import { Differences } from "./differences";
import { panel } from "./panel";
import type { Review } from "./review";
import { lengthOf, Side } from "./side";
import { say } from "./text";
import type { Scale } from "./trend";
import type { RoomData } from "./types";

export class Comparison {
  private readonly differences = new Differences();
  private readonly sides: readonly [Side, Side] = [new Side(0), new Side(1)];

  /** Puts everything into a view, the slider first, then pair by pair, so that one column keeps pairs together. */
  lay(root: HTMLElement, review: Review): void {
    const [a, b] = this.sides;
    const pairs = a.parts.flatMap((part, n) => [part, ...(b.parts[n] ? [b.parts[n]] : [])]);
    const slider = panel("slider-panel across", say("bothMinutes"), "", review.root).root;
    const [heads, panels] = [pairs.slice(0, 2), pairs.slice(2)];
    root.replaceChildren(slider, ...heads, this.differences.tiles, this.differences.ratios, ...panels);
  }

  set(own: RoomData, other: RoomData, minute: number | null): void {
    const scale = shared(own, other);
    const beside = other.trend ? { label: `B ${other.room_id}`, values: other.trend.values["gmv_paid_minor"] ?? [] } : null;
    this.differences.set(own, other);
    this.sides[0].set(own, minute, scale, beside);
    this.sides[1].set(other, minute, scale, null);
  }

  dispose(): void {
    for (const side of this.sides) side.dispose();
  }
}

/** One scale for both charts, so that a bar is as high as the other's where the money is the same. */
function shared(own: RoomData, other: RoomData): Scale {
  const most = (metric: string): number => Math.max(0, ...[own, other].flatMap((data) => data.trend?.values[metric] ?? []).map((value) => value ?? 0));
  return { minutes: Math.max(lengthOf(own), lengthOf(other)), money: most("gmv_paid_minor"), online: most("online_users") };
}
