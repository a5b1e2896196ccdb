// Server-sent events by fetch, which can send a key, where EventSource cannot.

import { headers } from "./key";

export interface Heard {
  opened: () => void;
  /** A whole event; its id is where a reconnect goes on. */
  event: (id: string) => void;
}

/** Reads a stream until it ends or is aborted; raises where it cannot be had, or breaks. */
export async function listen(path: string, lastId: string | null, heard: Heard, signal: AbortSignal): Promise<void> {
  const answer = await fetch(path, {
    headers: { accept: "text/event-stream", ...headers(), ...(lastId ? { "last-event-id": lastId } : {}) },
    cache: "no-store",
    signal,
  });
  if (!answer.ok || !answer.body) throw new Error(`${path}: ${answer.status}`);
  heard.opened();
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop() ?? "";
    for (const part of parts) {
      const id = /^id: ?(.+)$/m.exec(part)?.[1];
      if (id && /^data:/m.test(part)) heard.event(id);
    }
  }
}
