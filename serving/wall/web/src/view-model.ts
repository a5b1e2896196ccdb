// The recommender: how often it was right before it learned, against popularity, and what it weighs.

import { read } from "./api";
import { h } from "./dom";
import { valued } from "./figures";
import { clock, day, plain, setPlace, share, times } from "./numbers";
import { notPublished, panel } from "./panel";
import { name, say } from "./text";
import type { ModelData, ShadowFigures } from "./types";
import type { Heading, View } from "./view";
import { pair } from "./view-quality";

const LEAST_CHANCE = 0.001;

export class ModelView implements View {
  readonly root = h("div", { class: "view model" });
  private readonly quality = h("div");
  private readonly weights = h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": say("weights") });
  private readonly next = h("ol", { class: "suggested" });

  constructor() {
    this.root.append(
      panel("", say("prequential"), "", this.quality).root,
      panel("", say("nextItems"), "", this.next).root,
      panel("wide", say("weights"), say("weightsNote"), this.weights).root,
    );
  }

  async refresh(): Promise<Heading> {
    const data = await read<ModelData>("model");
    setPlace(data.moment.currency, data.moment.timezone);
    const absent = (): HTMLElement => notPublished(say("model"));
    this.quality.replaceChildren(data.quality ? quality(data.quality) : absent(), ...(data.shadow ? [inShadow(data.shadow)] : []));
    this.weights.replaceChildren(data.weights.length ? table(data) : absent());
    this.next.replaceChildren(...(data.suggestions.items.length ? data.suggestions.items.map((each) => h("li", {}, each.item_id, " ", h("span", { class: "muted" }, name(each.reason)))) : [h("li", {}, absent())]));
    const since = data.as_of_ms === null ? "" : `${say("modelVersion")} ${data.version} · ${say("asOf", `${day(data.as_of_ms)} ${clock(data.as_of_ms, true)}`)}`;
    return { moment: data.moment, title: say("model"), subtitle: since, state: null, length: "" };
  }

  dispose(): void {
    // Nothing is drawn outside the document.
  }
}

function quality(held: Record<string, number>): HTMLElement {
  const line = (key: "hit_rate_at_10" | "mrr_at_10", label: string, tell: (value: number | null) => string): HTMLElement => {
    const [own, popular] = [held[key] ?? null, held[`popularity_${key}`] ?? null];
    const better = own !== null && popular ? own / popular : null;
    return h("section", { class: "versus" }, h("h3", {}, label), bar(say("interestream"), own, tell(own), "own"), bar(say("popularity"), popular, tell(popular), "popular"), h("p", { class: better !== null && better < 1 ? "worst" : "muted" }, better === null ? "" : times(better)));
  };
  return h("div", {}, line("hit_rate_at_10", say("hitRate"), (value) => share(value)), line("mrr_at_10", say("mrr"), (value) => plain(value, 3)), h("dl", { class: "pairs" }, pair(say("predictions"), valued(held["predictions"] ?? null, "count"))));
}

/** A model that learns beside the served one: both on the clicks that both were asked. */
function inShadow({ since_ms, settings, counters }: ShadowFigures): HTMLElement {
  const line = (key: "hit_rate_at_10" | "mrr_at_10", label: string, tell: (value: number | null) => string): HTMLElement => {
    const [own, other] = [counters[`served_${key}`] ?? null, counters[`shadow_${key}`] ?? null];
    return h("section", { class: "versus" }, h("h4", {}, label), bar(say("served"), own, tell(own), "own"), bar(say("shadow"), other, tell(other), "popular"));
  };
  const count = (key: string, label: string): HTMLElement => pair(label, valued(counters[key] ?? null, "count"));
  return h(
    "section",
    { class: "shadow" },
    h("h3", {}, say("inShadow")),
    h("p", { class: "muted" }, `${say("since", `${day(since_ms)} ${clock(since_ms, true)}`)} · ${set(settings)}`),
    line("hit_rate_at_10", say("hitRate"), (value) => share(value)),
    line("mrr_at_10", say("mrr"), (value) => plain(value, 3)),
    h("dl", { class: "pairs" }, count("predictions", say("predictions")), count("only_served", say("onlyServed")), count("only_shadow", say("onlyShadow")), pair(say("byLuck"), chance(counters["window_p"] ?? null))),
  );
}

/** How a shadow is set otherwise than the served model, as the command line says it. */
function set(settings: Record<string, unknown>): string {
  const told = Object.entries(settings).map(([key, value]) => `${key} = ${Array.isArray(value) ? value.join(", ") : String(value)}`);
  return told.join(" · ") || say("asServed");
}

/** A chance to three places; one that would be 0 there is not. */
function chance(p: number | null): string {
  return p !== null && p < LEAST_CHANCE ? `< ${plain(LEAST_CHANCE, 3)}` : plain(p, 3);
}

function bar(label: string, value: number | null, shown: string, kind: string): HTMLElement {
  const fill = h("span", { class: `bar ${kind}` });
  fill.style.width = `${Math.min(Math.max((value ?? 0) * 100, 0), 100)}%`;
  return h("div", { class: "line" }, h("span", { class: "name" }, label), h("span", { class: "track" }, fill), h("span", { class: "value" }, shown));
}

/** Weights as a table whose cells are tinted by their size. */
function table(data: ModelData): HTMLElement {
  const most = Math.max(...data.weights.flat().map(Math.abs), 0.001);
  const last = data.weights.length - 1;
  const rows = data.weights.map((weights, n) =>
    h("tr", {}, h("th", { scope: "row" }, n === last ? "↺" : n === last - 1 ? `${n}+` : String(n)), ...weights.map((weight) => {
      const cell = h("td", { class: weight < 0 ? "below" : "above" }, plain(weight));
      cell.style.setProperty("--part", String(Math.abs(weight) / most));
      return cell;
    })),
  );
  return h("table", { class: "weights" }, h("caption", { class: "hidden" }, say("weights")), h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "#"), ...data.features.map((feature) => h("th", { scope: "col" }, feature.replace("_", " "))))), h("tbody", {}, ...rows));
}
