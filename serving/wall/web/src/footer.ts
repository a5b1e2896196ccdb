// The line of health at the foot of every view.

import { h, setText } from "./dom";
import { bytes, clock, count, exactCount, UNKNOWN } from "./numbers";
import { say } from "./text";
import type { HealthData } from "./types";

export class Footer {
  readonly root = h("footer", { class: "foot" });
  private readonly events = this.place(say("eventsPerMinute"));
  private readonly watermark = this.place(say("watermark"));
  private readonly painted = this.place(say("painted"));
  private readonly redis = this.place(say("redis"));
  private readonly letters = this.place(say("deadLetters"));

  setHealth(data: HealthData): void {
    const lately = data.events.at(-1);
    setText(this.events, lately === undefined ? UNKNOWN : count(lately));
    setText(this.watermark, clock(data.progress["watermark_ms"] ?? null, true));
    const memory = data.server["used_memory"];
    setText(this.redis, `${data.server["redis_version"] ?? ""} ${typeof memory === "number" ? bytes(memory) : ""}`.trim() || UNKNOWN);
  }

  setPainted(ms: number): void {
    setText(this.painted, `${Math.round(ms)} ms`);
  }

  setRefused(refused: number): void {
    setText(this.letters, exactCount(refused));
  }

  private place(label: string): HTMLElement {
    const value = h("span", { class: "value" }, UNKNOWN);
    this.root.append(h("span", { class: "fact" }, label, " ", value));
    return value;
  }
}
