// The whole platform: where to look.

import { Alarms } from "./alarms";
import { read } from "./api";
import { h, reorder, toggle } from "./dom";
import { Fact } from "./fact";
import { fig, setFig, valued } from "./figures";
import { term, unitOf } from "./info";
import { count, duration, exactMoney, figure, money, setPlace, share, UNKNOWN } from "./numbers";
import { notPublished, panel, told } from "./panel";
import { RoomMap } from "./room-map";
import { addressOf } from "./settings";
import { currentLanguage, name, say, type Key } from "./text";
import { Traffic } from "./traffic";
import { TrendChart } from "./trend";
import type { Board, PlatformData } from "./types";
import type { Heading, View } from "./view";

const FIGURES = ["gmv_paid_minor", "net_gmv_minor", "orders_paid", "buyers", "viewers", "ctr", "click_to_paid", "refund_rate", "new_customer_share"] as const;
const WINDOWS = ["hour", "day", "total"] as const;
const SHOWN = 6;

export class PlatformView implements View {
  readonly root = h("div", { class: "view platform" });
  private window: (typeof WINDOWS)[number] = "hour";
  private readonly strip = h("dl", { class: "ratios large" });
  private readonly values = new Map(FIGURES.map((metric) => [metric as string, fig(UNKNOWN, UNKNOWN)]));
  private readonly trend = new TrendChart(say("perMinutePlatform"));
  private readonly fact = new Fact(currentLanguage() === "zh");
  private readonly map = new RoomMap((room, session) => {
    location.hash = addressOf({ view: "room", room, session });
  });
  private readonly traffic = new Traffic(say("trafficNoteAll"));
  private readonly alarms = new Alarms();
  private readonly boards = h("div", { class: "boards" });
  private readonly lists = new Map<string, HTMLElement>();
  private readonly rows = new Map<string, HTMLElement>();
  private readonly band = h("p", { class: "band" });
  private readonly funnels = h("div", { class: "funnels" });
  private readonly factBody = h("div", { class: "fill" });

  constructor(private readonly wake: () => void) {
    for (const [metric, value] of this.values) this.strip.append(h("div", { "data-ratio": metric }, h("dt", {}, term(metric)), h("dd", {}, value)));
  }

  async refresh(): Promise<Heading> {
    const data = await read<PlatformData>("platform", { window: this.window });
    setPlace(data.moment.currency, data.moment.timezone);
    if (data.moment.as_of_ms === null && !data.trend) this.root.replaceChildren(told(say("emptyTitle"), say("empty")));
    else this.draw(data);
    return { moment: data.moment, title: say("platform"), subtitle: data.any_on_air ? "" : say("lastShow"), state: data.any_on_air ? "air" : "ended", length: "" };
  }

  dispose(): void {
    this.trend.dispose();
    this.fact.dispose();
    this.map.dispose();
  }

  private draw(data: PlatformData): void {
    if (!this.root.contains(this.strip)) this.lay();
    for (const [metric, element] of this.values) {
      const value = data.total[metric] ?? null;
      setFig(element, figure(value, unitOf(metric)), figure(value, unitOf(metric), true));
    }
    if (data.trend) this.trend.set({ trend: data.trend, marks: [], finalToMs: data.moment.final_to_ms, other: null, minutes: 0 });
    if (data.fact) {
      if (!this.factBody.contains(this.fact.root)) this.factBody.replaceChildren(this.fact.root);
      this.fact.set(data.fact);
    } else this.factBody.replaceChildren(notPublished(say("fact")));
    this.map.set(data.rooms);
    this.traffic.set(data.sources);
    this.alarms.set(data.alarms);
    this.band.replaceChildren(...data.campaigns.map((campaign) => h("span", { class: "badge accent" }, `▬ ${say("campaign", campaign)}`)));
    this.band.hidden = !data.campaigns.length;
    for (const board of data.boards) this.drawBoard(board);
    this.funnels.replaceChildren(...data.funnels.map(funnel));
  }

  private drawBoard(board: Board): void {
    const list = this.lists.get(board.scope) ?? this.addBoard(board.scope);
    const lines = board.standings.slice(0, SHOWN).map((standing) => {
      const id = `${board.scope}/${standing.id}`;
      const line = this.rows.get(id) ?? h("li");
      this.rows.set(id, line);
      line.replaceChildren(
        h("span", { class: "rank" }, String(standing.rank)),
        h("span", { class: "name", title: standing.id }, standing.id),
        moved(standing.moved, this.window),
        fig(money(standing.value), exactMoney(standing.value)),
      );
      return line;
    });
    reorder(list, lines.length ? lines : [h("li", { class: "none" }, UNKNOWN)]);
    const kept = new Set(lines);
    for (const [id, line] of this.rows) if (id.startsWith(`${board.scope}/`) && !kept.has(line as HTMLLIElement)) this.rows.delete(id);
  }

  private addBoard(scope: string): HTMLElement {
    const list = h("ol");
    this.lists.set(scope, list);
    this.boards.append(h("section", { class: "board" }, h("h3", {}, name(scope === "item" ? "items" : scope)), list));
    return list;
  }

  private lay(): void {
    const boards = panel("boards-panel", say("boards"), "", this.band, this.boards);
    boards.tools.append(...WINDOWS.map((window) => this.choice(window, boards.tools)));
    this.root.replaceChildren(
      this.strip,
      panel("fact-panel", say("fact"), say("factNote"), this.factBody).root,
      panel("map-panel", say("map"), say("mapNote"), this.map.root).root,
      panel("trend-panel", say("perMinutePlatform"), "", this.trend.root).root,
      boards.root,
      this.traffic.root,
      panel("stages-panel", say("categories"), "", this.funnels).root,
      panel("programme-panel", say("programmes"), "", notPublished(say("programmes"))).root,
      this.alarms.root,
    );
  }

  private choice(window: (typeof WINDOWS)[number], among: HTMLElement): HTMLElement {
    const key = `boards${window[0]?.toUpperCase()}${window.slice(1)}` as Key;
    const button = h("button", { class: "quiet", "aria-pressed": window === this.window ? "true" : "false" }, say(key));
    button.addEventListener("click", () => {
      this.window = window;
      for (const each of among.children) toggle(each, "aria-pressed", each === button ? "true" : "false");
      this.wake();
    });
    return button;
  }
}

function moved(places: number | null, window: string): HTMLElement {
  const text = places === null ? (window === "total" ? "" : say("newcomer")) : places === 0 ? "=" : `${places > 0 ? "▲" : "▼"}${Math.abs(places)}`;
  return h("span", { class: `moved ${places ? (places > 0 ? "up" : "down") : "flat"}`, title: say("moved") }, text);
}

function funnel(given: PlatformData["funnels"][number]): HTMLElement {
  const stages = Object.entries(given.stages);
  const all = stages.reduce((sum, [, users]) => sum + users, 0);
  const bars = stages.map(([stage, users]) => {
    const part = h("span", { class: `stage ${stage}` });
    part.style.flexGrow = String(Math.max(users, all / 200));
    return part;
  });
  const told = stages.map(([stage, users]) => {
    const median = given.moves.find((move) => move.to_stage === stage && move.median_ms !== null)?.median_ms ?? null;
    return h("li", {}, h("span", { class: `key ${stage}`, "aria-hidden": "true" }), `${name(stage)} `, valued(users, "count"), ` · ${share(all ? users / all : null, 0)}`, median === null ? "" : ` · ${say("median", duration(median))}`);
  });
  return h("section", { class: "category" }, h("h3", {}, given.category, " ", h("span", { class: "muted" }, count(all))), h("div", { class: "stages", "aria-hidden": "true" }, ...bars), h("ul", {}, ...told));
}
