// The page: one view at a time, a header and a foot, and one connection that tells when to ask again.

import { read, Refused } from "./api";
import { h, toggle } from "./dom";
import { copyExactly } from "./figures";
import { Footer } from "./footer";
import { Header } from "./header";
import { mountBubble, setDefinitions } from "./info";
import { keepKey } from "./key";
import { Live, type Link } from "./live";
import { told } from "./panel";
import { addressOf, isChinese, isWall, keep, language, place, theme, VIEWS, type Place, type Shown } from "./settings";
import { currentLanguage, say, setLanguage } from "./text";
import type { BroadcastsData, Definitions, HealthData, QualityData } from "./types";
import type { View } from "./view";
import { HealthView } from "./view-health";
import { ModelView } from "./view-model";
import { PlatformView } from "./view-platform";
import { QualityView } from "./view-quality";
import { RoomView } from "./view-room";

const HEALTH_EACH_MS = 5000;
const QUALITY_EACH_MS = 15000;

class Page {
  private readonly root = document.getElementById("app") ?? document.body;
  private where: Place = place();
  private view!: View;
  private header!: Header;
  private footer!: Footer;
  private readonly main = h("main", { id: "main", tabindex: -1 });
  private readonly live: Live;
  private asking = false;
  private again = false;
  private broadcasts: BroadcastsData | null = null;
  private broken = false;

  constructor() {
    setLanguage(language());
    this.dress(theme());
    this.live = new Live(() => void this.refresh(), (link) => this.linked(link));
    this.build();
    mountBubble();
    document.addEventListener("copy", copyExactly);
    document.addEventListener("keydown", (event) => this.key(event));
    addEventListener("hashchange", () => this.go(place()));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.dress(theme());
      this.build();
    });
    window.setInterval(() => this.header.tick(), 1000);
    window.setInterval(() => void this.watchHealth(), HEALTH_EACH_MS);
    window.setInterval(() => void this.watchQuality(), QUALITY_EACH_MS);
    void read<Definitions>("definitions").then(setDefinitions, () => undefined).finally(() => this.live.wake());
    void this.watchHealth();
    void this.watchQuality();
  }

  private dress(chosen: "light" | "dark"): void {
    const page = document.documentElement;
    page.dataset["theme"] = chosen;
    toggle(page, "data-wall", isWall ? "1" : null);
    toggle(page, "data-cn", isChinese ? "1" : null);
  }

  private build(): void {
    document.documentElement.lang = currentLanguage() === "zh" ? "zh-CN" : "en";
    this.view?.dispose();
    this.header = new Header(this.where, {
      language: () => this.switchLanguage(),
      theme: () => this.switchTheme(),
      pause: () => this.switchPause(),
      help: () => this.help(),
    });
    this.footer = new Footer();
    this.view = this.make();
    this.main.replaceChildren(told(say("loading"), ""));
    this.root.replaceChildren(h("a", { class: "skip", href: "#main", click: (event) => this.skip(event) }, say("skip")), this.header.root, this.main, this.footer.root);
    this.header.setPaused(this.live.paused);
    this.header.setLink(this.live.paused ? "paused" : this.live.link);
    if (this.broadcasts) this.header.setBroadcasts(this.broadcasts.broadcasts, this.where);
    void this.refresh();
    void this.watchHealth();
    void this.watchQuality();
  }

  private make(): View {
    switch (this.where.view) {
      case "platform":
        return new PlatformView(() => this.live.wake());
      case "quality":
        return new QualityView();
      case "model":
        return new ModelView();
      case "health":
        return new HealthView();
      default:
        return new RoomView(this.where, (data, room) => this.listed(data, room), () => void this.refresh(), (room, other) => this.compared(room, other));
    }
  }

  private async refresh(): Promise<void> {
    if (this.asking) {
      this.again = true;
      return;
    }
    this.asking = true;
    const view = this.view;
    const began = performance.now();
    try {
      const heading = await view.refresh();
      if (view === this.view) {
        if (!this.main.contains(view.root)) this.main.replaceChildren(view.root);
        this.broken = false;
        this.header.set(heading);
        requestAnimationFrame(() => this.footer.setPainted(performance.now() - began));
      }
    } catch (error) {
      this.failed(error);
    } finally {
      this.asking = false;
      if (this.again) {
        this.again = false;
        void this.refresh();
      }
    }
  }

  /** Says what is wrong; figures that stand there stay, greyed by their age. */
  private failed(error: unknown): void {
    const reached = error instanceof Refused;
    if (!reached) this.live.unanswered();
    if (reached && (error.status === 401 || error.status === 403)) {
      this.main.replaceChildren(this.door(error.message));
      return;
    }
    if (!reached && !(error instanceof TypeError)) console.error(error);
    if (this.main.contains(this.view.root) && !(reached && error.status === 404)) return;
    if (!this.broken || reached) this.main.replaceChildren(told(say("errorTitle"), reached ? error.message : say("lost"), "error"));
    this.broken = true;
  }

  /** Asks for an API key, where the server does. */
  private door(reason: string): HTMLElement {
    const open = this.main.querySelector<HTMLElement>("form.door");
    if (open) return open;
    const key = h("input", { type: "password", autocomplete: "off", required: true, id: "key" });
    const form = h("form", { class: "told door" }, h("h2", {}, say("keyTitle")), h("p", {}, reason), h("label", { for: "key" }, say("key")), key, h("button", { class: "quiet", type: "submit" }, say("enter")));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      keepKey(key.value);
      this.main.replaceChildren(told(say("loading"), ""));
      this.live.wake();
    });
    return form;
  }

  private linked(link: Link): void {
    this.header?.setLink(link);
  }

  private listed(data: BroadcastsData, room: string | null): void {
    this.broadcasts = data;
    this.header.setBroadcasts(data.broadcasts, { ...this.where, room });
  }

  /** Puts a comparison into the address, so that it can be sent to others and outlives a change of language. */
  private compared(room: string | null, other: Shown | null): void {
    this.where = { ...this.where, room, other };
    history.replaceState(null, "", `${location.pathname}${location.search}${addressOf(this.where)}`);
  }

  private async watchHealth(): Promise<void> {
    if (document.hidden || this.live.paused) return;
    await read<HealthData>("health").then((data) => this.footer.setHealth(data), () => undefined);
  }

  private async watchQuality(): Promise<void> {
    if (document.hidden || this.live.paused) return;
    await read<QualityData>("quality").then((data) => {
      this.header.setLate(data.late_share);
      this.header.setRefused(data.refused);
      this.footer.setRefused(data.refused);
    }, () => undefined);
  }

  private go(to: Place): void {
    if (addressOf(to) === addressOf(this.where)) return;
    this.where = to;
    this.build();
    scrollTo(0, 0);
  }

  private skip(event: Event): void {
    event.preventDefault();
    this.main.focus();
  }

  private switchLanguage(): void {
    const chosen = currentLanguage() === "zh" ? "en" : "zh";
    keep("language", chosen);
    setLanguage(chosen);
    this.build();
  }

  private switchTheme(): void {
    const chosen = document.documentElement.dataset["theme"] === "dark" ? "light" : "dark";
    keep("theme", chosen);
    this.dress(chosen);
    this.build();
  }

  private switchPause(): void {
    this.live.pause(!this.live.paused);
    this.header.setPaused(this.live.paused);
  }

  private help(): void {
    const close = h("button", { class: "quiet" }, say("close"));
    const dialog = h("dialog", { "aria-label": say("help") }, h("h2", {}, say("help")), h("p", {}, say("keys")), close);
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }

  private key(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest("dialog")) return;
    const inControl = target.matches("input, select, textarea, button, a");
    if (event.key === " " && !inControl) {
      event.preventDefault();
      this.switchPause();
      return;
    }
    if (target.matches("input, select, textarea")) return;
    const view = VIEWS[Number(event.key) - 1];
    if (view) location.hash = addressOf({ view, room: null, session: null });
    else if (event.key === "l" || event.key === "L") this.switchLanguage();
    else if (event.key === "t" || event.key === "T") this.switchTheme();
    else if (event.key === "?") this.help();
    else if (this.view.key?.(event)) event.preventDefault();
  }
}

new Page();
