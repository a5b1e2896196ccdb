// What a person chose: from the address, else from the last visit, else from the system.

import type { Language } from "./text";

export interface Place {
  view: "room" | "platform" | "quality" | "model" | "health";
  room: string | null;
  session: string | null;
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

/** The place that the address names: #room/ROOM/SESSION, #platform … */
export function place(): Place {
  const [view, room, session] = location.hash.slice(1).split("/").map(decodeURIComponent);
  const known = VIEWS.find((each) => each === view) ?? "room";
  return { view: known, room: room || null, session: session || null };
}

export function addressOf(to: Place): string {
  const parts = [to.view, ...(to.view === "room" ? [to.room, to.session] : [])];
  return `#${parts.filter((part): part is string => Boolean(part)).map(encodeURIComponent).join("/")}`;
}
