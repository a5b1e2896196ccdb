// The scrubber: any past broadcast, minute by minute; of two that are compared, the same minute of both.

import { h, setText, toggle } from "./dom";
import { clock, day, money } from "./numbers";
import type { Shown } from "./settings";
import { say } from "./text";
import type { Broadcast } from "./types";

const MINUTE = 60_000;
const PLAY_MS = 400;
const LISTED = 60;

export class Review {
  readonly root: HTMLElement;
  /** The minute since the start that is shown; null: as it is now, or the whole show. */
  minute: number | null = null;
  private span: { from: number; to: number; onAir: boolean } | null = null;
  private readonly slider = h("input", { type: "range", min: 1, max: 1, step: 1, input: () => this.slid() });
  private readonly label = h("output", { class: "at" });
  private readonly whole = h("button", { class: "quiet", click: () => this.jump(null) });
  private readonly play = h("button", { class: "quiet", click: () => this.toggle() });
  private readonly none = h("option", { value: "" });
  private readonly select: HTMLSelectElement;
  private minutes = 1;
  private timer: number | undefined;

  /** `other` is the broadcast that is compared with; `compared` hears when it becomes another one, or none. */
  constructor(public other: Shown | null, private readonly changed: () => void, private readonly compared: (other: Shown | null) => void) {
    this.slider.setAttribute("aria-label", say("minute"));
    this.select = h("select", { "aria-label": say("compare"), change: () => this.choose() }, this.none);
    setText(this.play, `▶ ${say("play")}`);
    this.root = h("div", { class: "review" }, this.play, this.slider, this.label, this.whole, this.select);
  }

  /** The moment of the broadcast itself that is shown. */
  get atMs(): number | null {
    return this.span === null || this.minute === null ? null : this.span.from + this.minute * MINUTE;
  }

  /** Tells from when to when the broadcast was; one that is compared with may have been longer. */
  setSpan(fromMs: number, toMs: number, onAir: boolean, otherMinutes = 0): void {
    this.span = { from: fromMs, to: toMs, onAir };
    this.minutes = Math.max(Math.round((toMs - fromMs) / MINUTE), otherMinutes);
    this.slider.max = String(this.minutes);
    this.show();
  }

  setBroadcasts(broadcasts: Broadcast[], own: string | null): void {
    const options = broadcasts
      .filter((each) => each.session_id !== own)
      .slice(0, LISTED)
      .map((each) => h("option", { value: valueOf({ room: each.room_id, session: each.session_id }) }, `${each.room_id} · ${day(each.from_ms)} ${clock(each.from_ms)} · ${money(each.gmv_paid_minor)}`));
    setText(this.none, this.other ? say("nothing") : `${say("compare")} …`);
    if (this.select.options.length !== options.length + 1) this.select.replaceChildren(this.none, ...options);
    if (document.activeElement !== this.select) this.select.value = this.other ? valueOf(this.other) : "";
  }

  /** Moves by minutes; tells whether there is anything to move in. */
  step(minutes: number): boolean {
    if (!this.span) return false;
    this.slider.value = String(Number(this.slider.value) + minutes);
    this.slid();
    return true;
  }

  /** Ends a comparison; tells whether there was one. */
  leave(): boolean {
    if (!this.other) return false;
    this.compare(null);
    return true;
  }

  dispose(): void {
    window.clearInterval(this.timer);
  }

  private show(): void {
    if (!this.span) return;
    const { from, to, onAir } = this.span;
    if (this.minute === null) this.slider.value = String(this.minutes);
    const minute = this.minute ?? this.minutes;
    const count = `${minute} / ${say("minutes", this.minutes)}`;
    const at = clock(this.atMs ?? to);
    setText(this.label, this.other ? count : `${at} · ${count}`);
    this.slider.setAttribute("aria-valuetext", this.other ? say("minuteOf", minute, this.minutes) : clock(this.atMs ?? from + minute * MINUTE));
    setText(this.whole, say(onAir ? "followLive" : "whole"));
    toggle(this.whole, "disabled", this.minute === null ? "" : null);
  }

  private slid(): void {
    const minute = Number(this.slider.value);
    this.jump(minute >= this.minutes ? null : minute);
  }

  private jump(minute: number | null): void {
    this.minute = minute;
    this.show();
    this.changed();
  }

  private choose(): void {
    const [room, session] = this.select.value.split(PARTED);
    this.compare(room && session ? { room, session } : null);
  }

  private compare(other: Shown | null): void {
    this.other = other;
    // A minute beyond the end of what stays is none of its minutes.
    if (!other && this.span && this.minute !== null && this.span.from + this.minute * MINUTE >= this.span.to) this.minute = null;
    this.compared(other);
    this.changed();
  }

  private toggle(): void {
    if (this.timer !== undefined) {
      this.halt();
      return;
    }
    if (this.minute === null) this.slider.value = "1";
    setText(this.play, `■ ${say("stop")}`);
    this.timer = window.setInterval(() => {
      this.step(1);
      if (this.minute === null) this.halt();
    }, PLAY_MS);
  }

  private halt(): void {
    window.clearInterval(this.timer);
    this.timer = undefined;
    setText(this.play, `▶ ${say("play")}`);
  }
}

const PARTED = "\u001f";

function valueOf({ room, session }: Shown): string {
  return `${room}${PARTED}${session}`;
}
