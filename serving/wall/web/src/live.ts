// Tells when to ask again: on each event of the server's stream, at most four times a second; by the clock while there
// is no stream. A reconnect says which event came last, so that nothing is missed.

import { listen } from "./events";

export type Link = "connecting" | "live" | "lost" | "paused";

const LEAST_MS = 250;
const POLL_MS = 2000;
const QUIET_MS = 5000;
const RETRY_MS = 500;
const RETRY_MOST_MS = 8000;

export class Live {
  private readonly gone = new AbortController();
  private timer: number | undefined;
  private due = 0;
  private lastId: string | null = null;
  private failures = 0;
  paused = false;
  link: Link = "connecting";

  constructor(private readonly ask: () => void, private readonly told: (link: Link) => void) {
    void this.follow();
    window.setInterval(() => this.link !== "live" && this.wake(), POLL_MS);
    // Nothing new is not the same as nothing heard: a quiet stream is asked, too, so that figures have a known age.
    window.setInterval(() => this.wake(), QUIET_MS);
    document.addEventListener("visibilitychange", () => document.hidden || this.wake());
  }

  pause(paused: boolean): void {
    this.paused = paused;
    this.told(paused ? "paused" : this.link);
    if (!paused) this.wake();
  }

  /** Asks at the next moment that is allowed. */
  wake(): void {
    if (this.paused || document.hidden || this.timer !== undefined) return;
    this.timer = window.setTimeout(() => {
      this.timer = undefined;
      this.due = performance.now() + LEAST_MS;
      this.ask();
    }, Math.max(0, this.due - performance.now()));
  }

  /** Hears that nothing answered. */
  unanswered(): void {
    this.say("lost");
  }

  private async follow(): Promise<void> {
    const heard = {
      opened: (): void => {
        this.failures = 0;
        this.say("live");
        this.wake();
      },
      event: (id: string): void => {
        this.lastId = id;
        this.say("live");
        this.wake();
      },
    };
    while (!this.gone.signal.aborted) {
      await listen("/v1/stream", this.lastId, heard, this.gone.signal).catch(() => undefined);
      this.say("lost");
      this.failures += 1;
      await new Promise((resolve) => window.setTimeout(resolve, Math.min(RETRY_MS * this.failures, RETRY_MOST_MS)));
    }
  }

  private say(link: Link): void {
    if (this.link === link) return;
    this.link = link;
    if (!this.paused) this.told(link);
  }
}
