// What a person chose: from the address, else from the last visit, else from the system.

import type { Language } from "./text";

/** One broadcast, by its room and itself. */
export interface Shown {
  room: string;
  session: string;
}

export interface Place {
  view: "room" | "platform" | "quality" | "model" | "health";
  room: string | null;
  session: string | null;
  /** The broadcast that the room's is compared with. */
  other?: Shown | null;
}

export const VIEWS = ["room", "platform", "quality", "model", "health"] as const;

const query = new URLSearchParams(location.search);

export const isWall = query.get("wall") === "1";
export const isChinese = query.get("cn") === "1";

export function language(): Language {
  const chosen = query.get("lang") ?? kept("language");
  if (chosen === "en" || chosen === "zh") return chosen;
  return navigator.language.startsWith("zh") ? "zh" : "en";
}

export function theme(): "light" | "dark" {
  const chosen = query.get("theme") ?? kept("theme");
  if (chosen === "light" || chosen === "dark") return chosen;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

export function keep(key: "language" | "theme", value: string): void {
  query.delete(key === "language" ? "lang" : key);
  try {
    localStorage.setItem(`interestream.${key}`, value);
  } catch {
    // A browser that keeps nothing still shows everything.
  }
}

function kept(key: string): string | null {
  try {
    return localStorage.getItem(`interestream.${key}`);
  } catch {
    return null;
  }
}

/** The place that the address names: #room/ROOM/SESSION, #room/ROOM/SESSION/OTHER_ROOM/OTHER_SESSION, #platform … */
export function place(): Place {
  const [view, room, session, otherRoom, otherSession] = location.hash.slice(1).split("/").map(decodeURIComponent);
  const known = VIEWS.find((each) => each === view) ?? "room";
  return { view: known, room: room || null, session: session || null, other: otherRoom && otherSession ? { room: otherRoom, session: otherSession } : null };
}

export function addressOf(to: Place): string {
  const parts = [to.view, ...(to.view === "room" ? [to.room, to.session, to.other?.room, to.other?.session] : [])];
  return `#${parts.map((part) => encodeURIComponent(part ?? "")).join("/").replace(/\/+$/, "")}`;
}
