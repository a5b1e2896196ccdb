// The charts, by the parts of ECharts that they use. Colours come from the page's style sheet; words inside charts are
// drawn on the canvas, so that no style stands in the document.

import { BarChart, LineChart, TreemapChart } from "echarts/charts";
import { AriaComponent, GridComponent, LegendComponent, MarkAreaComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { h } from "./dom";

echarts.use([
  BarChart, LineChart, TreemapChart, GridComponent, TooltipComponent, LegendComponent, MarkLineComponent, MarkAreaComponent,
  AriaComponent, CanvasRenderer,
]);

export type Option = echarts.EChartsCoreOption;

/** One colour of the style sheet, by its name there. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export function rem(size: number): number {
  return size * parseFloat(getComputedStyle(document.documentElement).fontSize);
}

export class Chart {
  readonly root = h("div", { class: "chart", role: "img" });
  private chart: echarts.ECharts | null = null;
  private option: Option | null = null;
  private readonly watcher = new ResizeObserver(() => this.fit());

  constructor(label: string, private readonly clicked?: (name: string) => void) {
    this.root.setAttribute("aria-label", label);
    this.watcher.observe(this.root);
  }

  /** Draws; the label says in words what is drawn. */
  set(option: Option, label: string): void {
    this.option = option;
    this.root.setAttribute("aria-label", label);
    this.draw();
  }

  dispose(): void {
    this.watcher.disconnect();
    this.chart?.dispose();
    this.chart = null;
  }

  private fit(): void {
    if (!this.root.clientWidth || !this.root.clientHeight) return;
    if (this.chart) this.chart.resize();
    else this.draw();
  }

  private draw(): void {
    if (!this.option || !this.root.clientWidth || !this.root.clientHeight) return;
    this.chart ??= this.begin();
    this.chart.setOption({ animation: false, textStyle: { fontFamily: getComputedStyle(document.body).fontFamily }, ...this.option }, { replaceMerge: ["series"] });
  }

  private begin(): echarts.ECharts {
    const chart = echarts.init(this.root, null, { renderer: "canvas" });
    chart.on("click", (event) => this.clicked?.(String(event.name)));
    return chart;
  }
}

/** Axes, grid and tooltip in the page's colours. */
export function frame(): { text: object; axis: object; tooltip: object } {
  const text = { color: colour("muted"), fontSize: rem(0.72) };
  return {
    text,
    axis: {
      axisLine: { lineStyle: { color: colour("line") } },
      axisTick: { show: false },
      axisLabel: text,
      splitLine: { lineStyle: { color: colour("line"), opacity: 0.6 } },
    },
    tooltip: {
      trigger: "axis",
      renderMode: "richText",
      backgroundColor: colour("raised"),
      borderColor: colour("line"),
      textStyle: { color: colour("ink"), fontSize: rem(0.78) },
      axisPointer: { type: "line", lineStyle: { color: colour("muted") } },
    },
  };
}
