// Money by the minute as bars, users online as a line, and marks for what happened.

import { Chart, colour, frame, rem, type Option } from "./charts";
import { clock, count, exactMoney, money } from "./numbers";
import { name, say } from "./text";
import type { Mark, Trend } from "./types";

const MINUTE = 60_000;
const SIGN = { coupon: "▾", campaign: "▬", pin: "●", alarm: "!" } as const;

export interface Other {
  label: string;
  values: (number | null)[];
}

export interface Drawn {
  trend: Trend;
  marks: Mark[];
  finalToMs: number | null;
  other: Other | null;
  /** Minutes that the axis has at least, so that a past show keeps its place while it is scrubbed. */
  minutes: number;
  /** Beside another show: the axis counts minutes since the start, and both charts are as high. */
  scale?: Scale;
}

export interface Scale {
  minutes: number;
  money: number;
  online: number;
}

export class TrendChart {
  private readonly chart: Chart;
  readonly root: HTMLElement;

  constructor(private readonly label: string) {
    this.chart = new Chart(label);
    this.root = this.chart.root;
  }

  set(drawn: Drawn): void {
    const gmv = drawn.trend.values["gmv_paid_minor"] ?? [];
    const sum = gmv.reduce<number>((total, value) => total + (value ?? 0), 0);
    const from = clock(drawn.trend.from_ms);
    const to = clock(drawn.trend.from_ms + gmv.length * MINUTE);
    this.chart.set(option(drawn), `${this.label}: ${from}–${to}, ${money(sum)}`);
  }

  dispose(): void {
    this.chart.dispose();
  }
}

function option({ trend, marks, finalToMs, other, minutes, scale }: Drawn): Option {
  const { axis, text, tooltip } = frame();
  const gmv = trend.values["gmv_paid_minor"] ?? [];
  const online = trend.values["online_users"];
  const hasOnline = online?.some((value) => value !== null) ?? false;
  const starts = Array.from({ length: Math.max(gmv.length, minutes) }, (_, n) => trend.from_ms + n * MINUTE);
  const named = (n: number): string => `${scale ? `${say("minutes", n)} · ` : ""}${clock(starts[n] ?? null)}`;
  const open = { color: "transparent", borderColor: colour("money"), borderWidth: 1 };
  const series: object[] = [
    {
      name: say("metric_gmv_paid_minor"),
      type: "bar",
      barCategoryGap: "18%",
      itemStyle: { color: colour("money") },
      data: gmv.map((value, n) => ({ value, ...(isFinal(trend.from_ms + n * MINUTE, finalToMs) ? {} : { itemStyle: open }) })),
      markLine: lines(marks, trend.from_ms, starts.length),
      markArea: areas(marks, trend.from_ms, starts.length),
    },
  ];
  if (hasOnline) {
    series.push({
      name: say("metric_online_users"), type: "line", yAxisIndex: 1, showSymbol: false, data: online,
      lineStyle: { color: colour("people"), width: 2 }, itemStyle: { color: colour("people") },
    });
  }
  if (other) {
    series.push({
      name: other.label, type: "line", step: "middle", showSymbol: false, data: other.values,
      lineStyle: { color: colour("accent"), width: 1.5, type: "dashed" }, itemStyle: { color: colour("accent") },
    });
  }
  return {
    grid: { left: rem(3.6), right: rem(hasOnline ? 3 : 1), top: rem(2.2), bottom: rem(1.6) },
    legend: { top: 0, right: 0, icon: "roundRect", itemWidth: rem(0.8), itemHeight: rem(0.5), textStyle: text },
    tooltip: {
      ...tooltip,
      formatter: (points: { dataIndex: number; seriesName: string; value: number | null; seriesIndex: number }[]) =>
        [named(points[0]?.dataIndex ?? 0), ...points.map((point) => `${point.seriesName}  ${pointed(point, hasOnline)}`)].join("\n"),
    },
    xAxis: { ...axis, type: "category", data: starts.map((start, n) => (scale ? String(n) : clock(start))), splitLine: { show: false } },
    yAxis: [
      { ...axis, type: "value", splitNumber: 3, ...(scale ? high(scale.money) : {}), axisLabel: { ...text, formatter: (value: number) => money(value) } },
      { ...axis, type: "value", splitNumber: 3, ...(scale ? high(scale.online) : {}), show: hasOnline, splitLine: { show: false }, axisLabel: { ...text, formatter: (value: number) => count(value) } },
    ],
    series,
  };
}

/** The end of an axis that is not left to the chart, in few digits, and one line halfway. */
function high(most: number): { max: number; interval: number } {
  const power = 10 ** Math.floor(Math.log10(Math.max(most, 1)));
  const max = ([1, 2, 3, 4, 5, 6, 8].find((step) => step * power >= most) ?? 10) * power;
  return { max, interval: max / 2 };
}

function pointed(point: { value: number | null; seriesIndex: number }, hasOnline: boolean): string {
  return hasOnline && point.seriesIndex === 1 ? count(point.value) : exactMoney(point.value);
}

function isFinal(startMs: number, finalToMs: number | null): boolean {
  return finalToMs !== null && startMs + MINUTE <= finalToMs;
}

function lines(marks: Mark[], fromMs: number, minutes: number): object {
  const own = marks.filter((mark) => mark.kind !== "campaign");
  const tone = { coupon: colour("accent"), pin: colour("ink"), alarm: colour("alarm"), campaign: colour("muted") };
  return {
    symbol: "none",
    silent: true,
    data: own.map((mark) => ({
      xAxis: Math.min(Math.max(Math.floor((mark.at_ms - fromMs) / MINUTE), 0), minutes - 1),
      lineStyle: { color: tone[mark.kind], type: mark.kind === "alarm" ? "solid" : "dotted" },
      label: { formatter: `${SIGN[mark.kind]} ${mark.kind === "alarm" ? "" : short(mark.id)}`, color: tone[mark.kind], fontSize: rem(0.72), position: "end" },
    })),
  };
}

function areas(marks: Mark[], fromMs: number, minutes: number): object {
  const place = (ms: number): number => Math.min(Math.max(Math.floor((ms - fromMs) / MINUTE), 0), minutes - 1);
  return {
    silent: true,
    itemStyle: { color: colour("accent"), opacity: 0.07 },
    label: { color: colour("muted"), fontSize: rem(0.72), position: "insideTopLeft" },
    data: marks
      .filter((mark) => mark.kind === "campaign")
      .map((mark) => [{ xAxis: place(mark.at_ms), name: `${SIGN.campaign} ${mark.id}` }, { xAxis: place(mark.to_ms ?? mark.at_ms) }]),
  };
}

/** The end of a long id, which tells it apart. */
function short(id: string): string {
  return id.length > 18 ? `…${id.slice(-10)}` : name(id);
}
