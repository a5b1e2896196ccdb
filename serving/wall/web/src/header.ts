// The header: whose figures these are, as of when, and how the page is doing; and the few controls.

import { avatar, setAvatar } from "./avatar";
import { h, setText, toggle } from "./dom";
import { clock, count, day, duration, money, share } from "./numbers";
import { addressOf, VIEWS, type Place } from "./settings";
import { say } from "./text";
import type { Link } from "./live";
import type { Broadcast, Moment } from "./types";
import type { Heading } from "./view";

const DAY_MS = 86_400_000;
const STALE_MS = 10_000;
const LATE = 0.01;

export interface Controls {
  language: () => void;
  theme: () => void;
  pause: () => void;
  help: () => void;
}

export class Header {
  readonly root: HTMLElement;
  private readonly title = h("h1");
  private readonly subtitle = h("p", { class: "subtitle" });
  private readonly avatar = avatar();
  private readonly hostName = h("span");
  private readonly host = h("span", { class: "host", hidden: true }, this.avatar, this.hostName);
  private readonly state = h("span", { class: "state", hidden: true });
  private readonly asOf = h("span", { class: "as-of" });
  private readonly refused = h("span", { class: "refused" });
  private readonly late = h("span", { class: "late" });
  private readonly link = h("span", { class: "link", role: "status" });
  private readonly synthetic = h("strong", { class: "synthetic", hidden: true });
  private readonly picker = h("select", { "aria-label": say("broadcast"), hidden: true });
  private readonly pause = h("button", { class: "icon" });
  private moment: Moment | null = null;
  private readAt = 0;

  constructor(place: Place, controls: Controls) {
    this.pause.addEventListener("click", controls.pause);
    setText(this.synthetic, say("synthetic"));
    this.synthetic.title = say("syntheticLong");
    this.picker.addEventListener("change", () => {
      const [room, session] = this.picker.value.split("\u001f");
      location.hash = addressOf({ view: "room", room: room ?? null, session: session || null });
    });
    const links = VIEWS.map((view) =>
      h("a", { href: addressOf({ view, room: view === "room" ? place.room : null, session: null }), "aria-current": view === place.view ? "page" : null }, say(view)),
    );
    this.root = h(
      "header",
      { class: "top" },
      h("img", { src: "/static/logo.svg", alt: "", width: 24, height: 24 }),
      h("div", { class: "who" }, this.title, this.subtitle),
      this.host,
      this.state,
      this.synthetic,
      h("nav", { "aria-label": say("views") }, ...links),
      this.picker,
      h("div", { class: "facts" }, this.asOf, this.late, this.refused, this.link),
      h(
        "div",
        { class: "controls" },
        h("button", { class: "icon", title: say("languageHint"), lang: say("language") === "中文" ? "zh" : "en", click: controls.language }, say("language")),
        h("button", { class: "icon", title: say("theme"), "aria-label": say("theme"), click: controls.theme }, "◐"),
        this.pause,
        h("button", { class: "icon", title: say("help"), "aria-label": say("help"), click: controls.help }, "?"),
      ),
    );
    this.setPaused(false);
  }

  set(heading: Heading): void {
    this.moment = heading.moment;
    this.readAt = performance.now();
    setText(this.title, heading.title);
    setText(this.subtitle, heading.subtitle);
    this.setHost(heading.host ?? null);
    document.title = `${heading.title} · interestream`;
    this.synthetic.hidden = !heading.moment.synthetic;
    this.state.hidden = heading.state === null;
    const words = { air: say("onAir"), ended: say("ended"), review: say("review") };
    setText(this.state, heading.state === null ? "" : `${words[heading.state]} ${heading.length}`.trim());
    toggle(this.state, "data-state", heading.state);
    this.tick();
  }

  private setHost(host: string | null): void {
    this.host.hidden = host === null;
    if (host === null) return;
    setAvatar(this.avatar, host);
    setText(this.hostName, say("host", host));
  }

  /** Tells the age of the figures; greys them where it is too much. */
  tick(): void {
    const moment = this.moment;
    if (!moment || moment.as_of_ms === null) {
      setText(this.asOf, "");
      return;
    }
    const unheard = performance.now() - this.readAt;
    const lag = Date.now() - moment.as_of_ms;
    const followed = moment.running && Math.abs(lag) < DAY_MS;
    const age = followed ? Math.max(lag, unheard) : unheard;
    const stale = (moment.running || unheard > STALE_MS) && age > STALE_MS;
    const how = stale ? say("age", duration(age)) : followed ? say("lag", duration(Math.max(lag, 0))) : say("replayed");
    const isToday = day(moment.as_of_ms) === day(Date.now());
    const when = `${isToday ? "" : `${day(moment.as_of_ms)} `}${clock(moment.as_of_ms, true)}`;
    setText(this.asOf, `${say("asOf", when)} ${moment.timezone} (${how})${moment.whole ? "" : ` · ${say("half")}`}`);
    toggle(document.body, "data-stale", stale ? "1" : null);
  }

  /** Tells how many in a hundred events came too late to count. */
  setLate(part: number | null): void {
    setText(this.late, part === null ? "" : say("late", share(part)));
    toggle(this.late, "data-some", part !== null && part > LATE ? "1" : null);
  }

  setRefused(refused: number | null): void {
    setText(this.refused, refused === null ? "" : say("refused", count(refused)));
    toggle(this.refused, "data-some", refused ? "1" : null);
  }

  setLink(link: Link): void {
    setText(this.link, { live: say("live"), connecting: say("connecting"), lost: say("lost"), paused: say("paused") }[link]);
    toggle(this.link, "data-link", link);
    toggle(document.body, "data-link", link);
  }

  setPaused(paused: boolean): void {
    setText(this.pause, paused ? "▶" : "❚❚");
    toggle(this.pause, "aria-label", say(paused ? "resume" : "pause"));
    toggle(this.pause, "title", say(paused ? "resume" : "pause"));
    toggle(this.pause, "aria-pressed", paused ? "true" : "false");
  }

  setBroadcasts(broadcasts: Broadcast[], own: Place): void {
    this.picker.hidden = !broadcasts.length;
    const chosen = broadcasts.find((each) => each.session_id === own.session) ?? broadcasts.find((each) => own.room === null || each.room_id === own.room);
    const value = chosen ? `${chosen.room_id}\u001f${chosen.session_id}` : "";
    const options = broadcasts.map((each) => ({
      value: `${each.room_id}\u001f${each.session_id}`,
      text: `${each.on_air ? "● " : ""}${each.room_id} · ${day(each.from_ms)} ${clock(each.from_ms)} · ${money(each.gmv_paid_minor)}`,
    }));
    while (this.picker.options.length > options.length) this.picker.remove(this.picker.options.length - 1);
    options.forEach((option, n) => {
      const held = this.picker.options[n] ?? this.picker.appendChild(h("option"));
      held.value = option.value;
      setText(held, option.text);
    });
    if (document.activeElement !== this.picker) this.picker.value = value;
  }
}
