// The scrubber under the trend: any past broadcast, minute by minute, beside another.

import { h, setText, toggle } from "./dom";
import { clock, day, money } from "./numbers";
import { say } from "./text";
import type { Broadcast } from "./types";

const MINUTE = 60_000;
const PLAY_MS = 400;

export class Review {
  readonly root: HTMLElement;
  /** The moment that is shown; null: as it is now, or the whole show. */
  atMs: number | null = null;
  /** The broadcast that is compared with, as room and session. */
  other: { room: string; session: string } | null = null;
  private span: { from: number; to: number } | null = null;
  private readonly slider = h("input", { type: "range", min: 1, max: 1, step: 1, input: () => this.slid() });
  private readonly label = h("output", { class: "at" });
  private readonly whole = h("button", { class: "quiet", click: () => this.jump(null) });
  private readonly play = h("button", { class: "quiet", click: () => this.toggle() });
  private readonly select: HTMLSelectElement;
  private timer: number | undefined;

  constructor(private readonly changed: () => void) {
    this.slider.setAttribute("aria-label", say("minute"));
    this.select = h("select", { "aria-label": say("compare"), change: () => this.compare() });
    setText(this.play, `▶ ${say("play")}`);
    this.root = h("div", { class: "review" }, this.play, this.slider, this.label, this.whole, this.select);
  }

  setSpan(fromMs: number, toMs: number, onAir: boolean): void {
    this.span = { from: fromMs, to: toMs };
    const minutes = Math.round((toMs - fromMs) / MINUTE);
    this.slider.max = String(minutes);
    if (this.atMs === null) this.slider.value = String(minutes);
    const at = this.atMs ?? toMs;
    setText(this.label, `${clock(at)} · ${Math.round((at - fromMs) / MINUTE)} / ${minutes} min`);
    this.slider.setAttribute("aria-valuetext", clock(at));
    setText(this.whole, say(onAir ? "followLive" : "whole"));
    toggle(this.whole, "disabled", this.atMs === null ? "" : null);
  }

  setBroadcasts(broadcasts: Broadcast[], own: string | null): void {
    const options = broadcasts
      .filter((each) => each.session_id !== own)
      .slice(0, 60)
      .map((each) => h("option", { value: `${each.room_id}\u001f${each.session_id}` }, `${each.room_id} · ${day(each.from_ms)} ${clock(each.from_ms)} · ${money(each.gmv_paid_minor)}`));
    const held = this.select.value;
    if (this.select.options.length === options.length + 1) return;
    this.select.replaceChildren(h("option", { value: "" }, `${say("compare")} …`), ...options);
    this.select.value = held;
  }

  /** Moves by minutes; tells whether there is anything to move in. */
  step(minutes: number): boolean {
    if (!this.span) return false;
    this.slider.value = String(Number(this.slider.value) + minutes);
    this.slid();
    return true;
  }

  dispose(): void {
    window.clearInterval(this.timer);
  }

  private slid(): void {
    if (!this.span) return;
    const minute = Number(this.slider.value);
    this.jump(minute >= Number(this.slider.max) ? null : this.span.from + minute * MINUTE);
  }

  private jump(atMs: number | null): void {
    this.atMs = atMs;
    if (this.span) this.setSpan(this.span.from, this.span.to, false);
    this.changed();
  }

  private compare(): void {
    const [room, session] = this.select.value.split("\u001f");
    this.other = room && session ? { room, session } : null;
    this.changed();
  }

  private toggle(): void {
    if (this.timer !== undefined) {
      this.halt();
      return;
    }
    if (this.atMs === null) this.slider.value = "1";
    setText(this.play, `■ ${say("stop")}`);
    this.timer = window.setInterval(() => {
      this.step(1);
      if (this.atMs === null) this.halt();
    }, PLAY_MS);
  }

  private halt(): void {
    window.clearInterval(this.timer);
    this.timer = undefined;
    setText(this.play, `▶ ${say("play")}`);
  }
}
