// Figures as people read them, beside their exact value; null is never 0.

import { currentLanguage } from "./text";

export const UNKNOWN = "–";

let currency = "CNY";
let zone = "Asia/Shanghai";

export function setPlace(money: string, timezone: string): void {
  currency = money;
  zone = timezone;
}

const formats = new Map<string, Intl.NumberFormat>();

function format(key: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const full = `${currentLanguage()} ${currency} ${key}`;
  const held = formats.get(full) ?? new Intl.NumberFormat(currentLanguage() === "zh" ? "zh-CN" : "en-US", options);
  formats.set(full, held);
  return held;
}

export function digits(): number {
  return format("digits", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2;
}

function major(minor: number): number {
  return minor / 10 ** digits();
}

/** Money to the last minor unit. */
export function exactMoney(minor: number | null): string {
  if (minor === null) return UNKNOWN;
  return format("money", { style: "currency", currency, currencyDisplay: "narrowSymbol" }).format(major(minor));
}

/** Money in a few digits: ¥1.28M, ¥128.4万. */
export function money(minor: number | null): string {
  if (minor === null) return UNKNOWN;
  const value = major(minor);
  const large = Math.abs(value) >= 10_000;
  const places = Math.abs(value) < 100 && value % 1 ? 2 : 0;
  const most = Math.abs(value) < 1e6 && currentLanguage() === "en" ? 1 : 2;
  return format(large ? `short money ${most}` : `money ${places}`, {
    style: "currency",
    currency,
    currencyDisplay: "narrowSymbol",
    ...(large
      ? { notation: "compact", minimumFractionDigits: 1, maximumFractionDigits: most }
      : { minimumFractionDigits: places, maximumFractionDigits: places }),
  }).format(value);
}

export function exactCount(value: number | null): string {
  return value === null ? UNKNOWN : format("count", { maximumFractionDigits: 0 }).format(value);
}

/** A count with separators, from a million on in a few digits. */
export function count(value: number | null): string {
  if (value === null) return UNKNOWN;
  if (Math.abs(value) < (currentLanguage() === "zh" ? 100_000 : 1_000_000)) return exactCount(value);
  return format("short count", { notation: "compact", maximumFractionDigits: 2 }).format(value);
}

export function share(value: number | null, places = 1): string {
  if (value === null) return UNKNOWN;
  return format(`share ${places}`, { style: "percent", minimumFractionDigits: places, maximumFractionDigits: places }).format(value);
}

export function times(value: number | null): string {
  if (value === null) return UNKNOWN;
  return `${format("times", { maximumSignificantDigits: 3 }).format(value)}×`;
}

export function plain(value: number | null, places = 2): string {
  if (value === null) return UNKNOWN;
  return format(`plain ${places}`, { minimumFractionDigits: places, maximumFractionDigits: places }).format(value);
}

/** A figure by its unit, in few digits or exactly. */
export function figure(value: number | null, unit: string, exact = false): string {
  if (unit === "minor") return exact ? exactMoney(value === null ? null : Math.round(value)) : money(value);
  if (unit === "share") return share(value, exact ? 4 : 1);
  if (unit === "ms") return value === null ? UNKNOWN : duration(value);
  return exact ? exactCount(value) : count(value);
}

/** How long, in the largest units: 1:42:10, 3.2 s, 2 d. */
export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${plain(seconds, 1)} s`;
  if (seconds < 3600) return `${plain(seconds / 60, 0)} min`;
  if (seconds < 48 * 3600) return `${plain(seconds / 3600, 1)} h`;
  return `${plain(seconds / 86400, 1)} d`;
}

export function clockLength(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

const times_ = new Map<string, Intl.DateTimeFormat>();

function dated(key: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const full = `${currentLanguage()} ${zone} ${key}`;
  const held = times_.get(full) ?? new Intl.DateTimeFormat(currentLanguage() === "zh" ? "zh-CN" : "en-GB", { ...options, timeZone: zone, hourCycle: "h23" });
  times_.set(full, held);
  return held;
}

export function clock(ms: number | null, seconds = false): string {
  if (ms === null) return UNKNOWN;
  return dated(seconds ? "s" : "m", { hour: "2-digit", minute: "2-digit", ...(seconds ? { second: "2-digit" } : {}) }).format(ms);
}

export function day(ms: number | null): string {
  return ms === null ? UNKNOWN : dated("d", { year: "numeric", month: "2-digit", day: "2-digit" }).format(ms);
}

export function bytes(value: number): string {
  return format("bytes", { style: "unit", unit: "megabyte", maximumFractionDigits: 1 }).format(value / 1e6);
}
