// One room: the host's desk, live or as of any minute of a past show.

import { Alarms } from "./alarms";
import { read } from "./api";
import { Comparison } from "./compare";
import { Coupons } from "./coupons";
import { h } from "./dom";
import { FunnelPanel } from "./funnel";
import { clockLength, setPlace } from "./numbers";
import { panel, told } from "./panel";
import { Products } from "./products";
import { Review } from "./review";
import type { Place, Shown } from "./settings";
import { lengthOf } from "./side";
import { say } from "./text";
import { Ratios, Tiles } from "./tiles";
import { Traffic } from "./traffic";
import { TrendChart } from "./trend";
import type { Broadcast, BroadcastsData, RoomData } from "./types";
import type { Heading, View } from "./view";

const MINUTE = 60_000;
const EVENING = 12 * 60 * MINUTE;
const LISTED_EACH_MS = 5000;

export class RoomView implements View {
  readonly root = h("div", { class: "view room" });
  private readonly tiles = new Tiles();
  private readonly ratios = new Ratios();
  private readonly trend = new TrendChart(say("perMinute"));
  private readonly funnel = new FunnelPanel();
  private readonly products = new Products();
  private readonly traffic = new Traffic(say("trafficNote"));
  private readonly coupons = new Coupons();
  private readonly alarms = new Alarms();
  private readonly review: Review;
  private comparison: Comparison | null = null;
  private otherFrom: { session: string; fromMs: number } | null = null;
  private listed: BroadcastsData | null = null;
  private listedAt = -Infinity;

  constructor(
    private readonly place: Place,
    private readonly onBroadcasts: (data: BroadcastsData, room: string | null) => void,
    wake: () => void,
    compared: (room: string | null, other: Shown | null) => void,
  ) {
    this.review = new Review(place.other ?? null, wake, (other) => compared(this.room, other));
  }

  async refresh(): Promise<Heading> {
    await this.list();
    const room = this.room;
    if (room === null) return this.empty();
    const at = this.review.atMs;
    const data = await read<RoomData>(`room/${encodeURIComponent(room)}`, { session: this.place.session, at: at === null ? null : String(at) });
    const other = await this.readOther(data);
    setPlace(data.moment.currency, data.moment.timezone);
    if (other) this.drawBoth(data, other);
    else this.draw(data);
    return other ? headingOfBoth(data, other) : heading(data);
  }

  key(event: KeyboardEvent): boolean {
    if (event.key === "ArrowLeft") return this.review.step(-1);
    if (event.key === "ArrowRight") return this.review.step(1);
    if (event.key === "Escape") return this.review.leave();
    return false;
  }

  dispose(): void {
    this.trend.dispose();
    this.comparison?.dispose();
    this.review.dispose();
  }

  private get room(): string | null {
    return this.place.room ?? leading(this.listed?.broadcasts ?? []);
  }

  private async list(): Promise<void> {
    if (this.listed && performance.now() - this.listedAt < LISTED_EACH_MS) return;
    this.listed = await read<BroadcastsData>("broadcasts");
    this.listedAt = performance.now();
    setPlace(this.listed.moment.currency, this.listed.moment.timezone);
    this.onBroadcasts(this.listed, this.room);
  }

  /** Reads the broadcast that is compared with, as of the same minute since its own start. */
  private async readOther(data: RoomData): Promise<RoomData | null> {
    const other = this.review.other;
    if (!other) return null;
    const path = `room/${encodeURIComponent(other.room)}`;
    const minute = this.minuteOf(data);
    const known = this.otherFrom?.session === other.session ? this.otherFrom.fromMs : null;
    const first = await read<RoomData>(path, { session: other.session, at: minute === null || known === null ? null : String(known + minute * MINUTE) });
    if (first.from_ms === null) return first;
    this.otherFrom = { session: other.session, fromMs: first.from_ms };
    if (minute === null || known === first.from_ms) return first;
    return read<RoomData>(path, { session: other.session, at: String(first.from_ms + minute * MINUTE) });
  }

  /** The minute that both are shown as of: while the show is on air, its last whole one. */
  private minuteOf(data: RoomData): number | null {
    if (this.review.minute !== null || !data.on_air || data.from_ms === null || data.shown_to_ms === null) return this.review.minute;
    return Math.round((data.shown_to_ms - data.from_ms) / MINUTE);
  }

  private draw(data: RoomData): void {
    if (!this.root.contains(this.tiles.root)) this.lay();
    this.tiles.set(data.tiles, data.is_final && !data.is_part);
    this.ratios.set(data.ratios, data.benchmark);
    this.funnel.set(data.total, data.to_pay_ms);
    this.products.set(data.products, data.suggestions);
    this.traffic.set(data.sources);
    this.coupons.set(data.coupons);
    this.alarms.set(data.alarms);
    this.drawReview(data, 0);
    if (data.trend) {
      this.trend.set({
        trend: data.trend,
        marks: data.marks.filter((mark) => data.shown_to_ms === null || mark.at_ms < data.shown_to_ms),
        finalToMs: data.moment.final_to_ms,
        other: null,
        minutes: lengthOf(data),
      });
    }
  }

  private drawBoth(data: RoomData, other: RoomData): void {
    if (!this.comparison) {
      const comparison = new Comparison();
      this.comparison = comparison;
      this.relay("view compare", () => comparison.lay(this.root, this.review));
    }
    this.comparison.set(data, other, this.minuteOf(data));
    this.drawReview(data, lengthOf(other));
  }

  private drawReview(data: RoomData, otherMinutes: number): void {
    if (data.from_ms !== null && data.to_ms !== null) this.review.setSpan(data.from_ms, data.to_ms, data.on_air, otherMinutes);
    if (this.listed) this.review.setBroadcasts(this.listed.broadcasts, data.session_id);
  }

  private lay(): void {
    this.comparison?.dispose();
    this.comparison = null;
    const trend = panel("trend-panel", say("perMinute"), "", this.trend.root, this.review.root).root;
    const parts = [this.tiles.root, this.ratios.root, trend, this.funnel.root, this.products.root, this.traffic.root, this.coupons.root, this.alarms.root];
    this.relay("view room", () => this.root.replaceChildren(...parts));
  }

  /** Puts other things into the view, and the focus back to where it was. */
  private relay(kind: string, lay: () => void): void {
    const held = document.activeElement;
    this.root.className = kind;
    lay();
    if (held instanceof HTMLElement && this.root.contains(held)) held.focus({ preventScroll: true });
  }

  private empty(): Heading {
    const moment = this.listed?.moment ?? null;
    const [title, text] = moment?.as_of_ms ? [say("room"), say("noRooms")] : [say("emptyTitle"), say("empty")];
    this.root.replaceChildren(told(title, text));
    return {
      moment: moment ?? { as_of_ms: null, final_to_ms: null, currency: "CNY", timezone: "UTC", synthetic: false, running: false, whole: true },
      title: say("room"), subtitle: "", state: null, length: "",
    };
  }
}

/** The room that is shown where none is asked for: that with the most money of those on air, or of the last evening. */
function leading(broadcasts: Broadcast[]): string | null {
  const onAir = broadcasts.filter((each) => each.on_air);
  const lately = broadcasts.filter((each) => each.to_ms > (broadcasts[0]?.to_ms ?? 0) - EVENING);
  const among = onAir.length ? onAir : lately;
  return among.reduce<Broadcast | null>((best, each) => (best && best.gmv_paid_minor >= each.gmv_paid_minor ? best : each), null)?.room_id ?? null;
}

function headingOfBoth(data: RoomData, other: RoomData): Heading {
  return {
    ...heading(data),
    title: `${data.room_id} ↔ ${other.room_id}`,
    subtitle: [data.session_id, other.session_id].filter(Boolean).join(" ↔ "),
    host: null,
  };
}

function heading(data: RoomData): Heading {
  const shown = data.shown_to_ms ?? data.to_ms;
  const parts = [data.session_id, data.campaign_id && say("campaign", data.campaign_id)];
  return {
    moment: data.moment,
    title: data.room_id,
    subtitle: parts.filter(Boolean).join(" · "),
    host: data.creator_id,
    state: data.is_part ? "review" : data.on_air ? "air" : data.from_ms === null ? null : "ended",
    length: data.from_ms === null || shown === null ? "" : clockLength(shown - data.from_ms),
  };
}
