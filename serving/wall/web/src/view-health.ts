// Whether the machinery is well: progress, throughput, Redis.

import { read } from "./api";
import { Chart, colour, frame, rem } from "./charts";
import { h } from "./dom";
import { valued } from "./figures";
import { bytes, clock, count, day, exactCount, setPlace } from "./numbers";
import { panel } from "./panel";
import { say } from "./text";
import type { HealthData } from "./types";
import type { Heading, View } from "./view";
import { pair } from "./view-quality";

const MINUTE = 60_000;

export class HealthView implements View {
  readonly root = h("div", { class: "view health" });
  private readonly chart = new Chart(say("throughput"));
  private readonly job = h("dl", { class: "pairs" });
  private readonly store = h("dl", { class: "pairs" });

  constructor() {
    this.root.append(
      panel("wide trend-panel", say("throughput"), say("throughputNote"), this.chart.root).root,
      panel("", say("job"), "", this.job).root,
      panel("", say("store"), "", this.store).root,
    );
  }

  async refresh(): Promise<Heading> {
    const data = await read<HealthData>("health");
    setPlace(data.moment.currency, data.moment.timezone);
    this.draw(data);
    const watermark = data.progress["watermark_ms"];
    this.job.replaceChildren(
      ...Object.entries(data.job).map(([key, value]) => pair(key, value)),
      ...(watermark === undefined ? [] : [pair(say("watermark"), `${day(watermark)} ${clock(watermark, true)}`)]),
      pair(say("flushes"), valued(data.flushes, "count")),
      ...Object.entries(data.verdicts).map(([key, value]) => pair(key, valued(value, "count"))),
    );
    const number = (key: string): number | null => (typeof data.server[key] === "number" ? data.server[key] : null);
    const memory = number("used_memory");
    this.store.replaceChildren(
      pair(say("redis"), String(data.server["redis_version"] ?? say("unknown"))),
      pair(say("memory"), memory === null ? say("unknown") : bytes(memory)),
      pair(say("keysHeld"), valued(data.keys, "count")),
      pair(say("clients"), valued(number("connected_clients"), "count")),
      pair(say("ops"), valued(number("instantaneous_ops_per_sec"), "count")),
    );
    return { moment: data.moment, title: say("health"), subtitle: "", state: null, length: "" };
  }

  dispose(): void {
    this.chart.dispose();
  }

  private draw(data: HealthData): void {
    if (data.events_from_ms === null) return;
    const from = data.events_from_ms;
    const { axis, text, tooltip } = frame();
    this.chart.set(
      {
        grid: { left: rem(3.2), right: rem(1), top: rem(0.8), bottom: rem(1.6) },
        tooltip: { ...tooltip, formatter: (points: { axisValue: string; value: number }[]) => `${points[0]?.axisValue ?? ""}  ${exactCount(points[0]?.value ?? null)}` },
        xAxis: { ...axis, type: "category", data: data.events.map((_, n) => clock(from + n * MINUTE)), splitLine: { show: false } },
        yAxis: { ...axis, type: "value", axisLabel: { ...text, formatter: (value: number) => count(value) } },
        series: [{ type: "bar", barCategoryGap: "18%", itemStyle: { color: colour("people") }, data: data.events }],
      },
      `${say("throughput")}: ${exactCount(data.events.reduce((a, b) => a + b, 0))}`,
    );
  }
}
