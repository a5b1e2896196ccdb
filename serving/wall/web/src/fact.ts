// FACT by the hour: four aligned rows of bars, one a channel, each on its own scale of the same height.

import { Chart, colour, frame, rem } from "./charts";
import { clock, exactMoney, money, share } from "./numbers";
import { say } from "./text";
import type { PlatformData } from "./types";

const CHANNELS = ["field", "alliance", "campaign", "top_kol"] as const;
const MORE = ["shelf", "unknown"] as const;
const NAMES: Record<string, readonly [string, string]> = {
  field: ["F · field", "F · 阵地自营"],
  alliance: ["A · alliance", "A · 达人矩阵"],
  campaign: ["C · campaign", "C · 主题活动"],
  top_kol: ["T · top KOL", "T · 头部大V"],
  shelf: ["shelf", "货架"],
  unknown: ["unknown", "未知"],
};

export class Fact {
  private readonly chart = new Chart(say("fact"));
  readonly root = this.chart.root;

  constructor(private readonly chinese: boolean) {}

  set(fact: NonNullable<PlatformData["fact"]>): void {
    const { axis, text, tooltip } = frame();
    const sums = new Map(Object.entries(fact.gmv_paid_minor).map(([channel, values]) => [channel, values.reduce((a, b) => a + b, 0)]));
    const all = [...sums.values()].reduce((a, b) => a + b, 0);
    const shown = [...CHANNELS, ...MORE.filter((channel) => (sums.get(channel) ?? 0) > 0)];
    const most = Math.max(...shown.flatMap((channel) => fact.gmv_paid_minor[channel] ?? [0]), 1);
    const labels = fact.hours_ms.map((start) => clock(start));
    const height = 100 / shown.length;
    this.chart.set(
      {
        tooltip: {
          ...tooltip,
          formatter: (points: { axisValue: string; seriesName: string; value: number }[]) =>
            [points[0]?.axisValue ?? "", ...points.map((point) => `${point.seriesName}  ${exactMoney(point.value)}`)].join("\n"),
        },
        axisPointer: { link: [{ xAxisIndex: "all" }] },
        grid: shown.map((_, n) => ({ left: rem(9.5), right: rem(0.6), top: `${n * height + 2}%`, height: `${height - 6}%` })),
        xAxis: shown.map((_, n) => ({
          ...axis, type: "category", gridIndex: n, data: labels, splitLine: { show: false },
          axisLabel: n === shown.length - 1 ? { ...text, margin: 2 } : { show: false },
        })),
        yAxis: shown.map((channel, n) => ({
          ...axis, type: "value", gridIndex: n, max: most, splitLine: { show: false }, axisLabel: { show: false }, axisLine: { show: false },
          name: `${this.name(channel)}\n${share(all ? (sums.get(channel) ?? 0) / all : null)}  ${money(sums.get(channel) ?? 0)}`,
          nameLocation: "middle", nameRotate: 0, nameGap: rem(9.2), nameTextStyle: { ...text, color: colour("ink"), align: "left", lineHeight: rem(1.1) },
        })),
        series: shown.map((channel, n) => ({
          name: this.name(channel), type: "bar", xAxisIndex: n, yAxisIndex: n, barCategoryGap: "20%",
          itemStyle: { color: colour(`fact-${channel}`) }, data: fact.gmv_paid_minor[channel] ?? [],
        })),
      },
      `${say("fact")}: ${shown.map((channel) => `${this.name(channel)} ${share(all ? (sums.get(channel) ?? 0) / all : null)}`).join(", ")}`,
    );
  }

  dispose(): void {
    this.chart.dispose();
  }

  private name(channel: string): string {
    return NAMES[channel]?.[this.chinese ? 1 : 0] ?? channel;
  }
}
