// Tells when to ask again: on each message of the server's stream, at most four times a second; by the clock where
// there is no stream. The browser reconnects by itself and says which message it had last.

export type Link = "connecting" | "live" | "lost" | "paused";

const LEAST_MS = 250;
const POLL_MS = 2000;
const RETRY_MS = 1500;

export class Live {
  private source: EventSource | null = null;
  private timer: number | undefined;
  private due = 0;
  private failures = 0;
  private retry: number | undefined;
  private readonly poll: number;
  paused = false;
  link: Link = "connecting";

  constructor(private readonly ask: () => void, private readonly told: (link: Link) => void) {
    this.connect();
    this.poll = window.setInterval(() => this.link !== "live" && this.wake(), POLL_MS);
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

  /** Hears that the server answered, or did not. */
  answered(well: boolean): void {
    if (!well) this.say("lost");
    else if (this.link === "lost" && this.source?.readyState !== EventSource.OPEN) this.say("connecting");
  }

  stop(): void {
    this.source?.close();
    window.clearInterval(this.poll);
    window.clearTimeout(this.retry);
  }

  private connect(): void {
    const source = new EventSource("/v1/stream");
    this.source = source;
    const hear = (): void => this.wake();
    source.onopen = () => {
      this.failures = 0;
      this.say("live");
      this.wake();
    };
    source.onmessage = hear;
    for (const kind of ["changed", "update", "metrics", "resync", "reset"]) source.addEventListener(kind, hear);
    source.onerror = () => this.broken(source);
  }

  private broken(source: EventSource): void {
    this.failures += 1;
    if (source.readyState !== EventSource.CLOSED) {
      this.say("lost");
      return;
    }
    // The server answered, but not with a stream, or is starting: figures are asked for by the clock meanwhile.
    if (this.link === "live") this.say("lost");
    window.clearTimeout(this.retry);
    this.retry = window.setTimeout(() => this.connect(), RETRY_MS * Math.min(this.failures, 8));
  }

  private say(link: Link): void {
    if (this.link === link) return;
    this.link = link;
    if (!this.paused) this.told(link);
  }
}
