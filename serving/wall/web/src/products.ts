// The product board: what sells, what is looked at, and what the recommender would show next, with why.

import { h } from "./dom";
import { fig } from "./figures";
import { term } from "./info";
import { count, exactCount, exactMoney, money, share } from "./numbers";
import { of, panel } from "./panel";
import { Table } from "./table";
import { name, say } from "./text";
import type { Product, Suggestions } from "./types";

export class Products {
  readonly root: HTMLElement;
  private readonly table: Table<Product>;
  private readonly next = h("p", { class: "next" });
  private places = new Map<string, string>();

  constructor(side = "") {
    this.table = new Table<Product>(
      of(side, say("products")),
      [
        { key: "item", head: say("item"), text: true, cell: (row) => this.item(row) },
        { key: "gmv", head: term("gmv_paid_minor"), by: (row) => row.gmv_paid_minor, cell: (row) => fig(money(row.gmv_paid_minor), exactMoney(row.gmv_paid_minor)) },
        { key: "orders", head: term("orders_paid"), by: (row) => row.orders_paid, cell: (row) => exactCount(row.orders_paid) },
        { key: "clicks", head: term("clicks"), by: (row) => row.clicks, cell: (row) => fig(count(row.clicks), exactCount(row.clicks)) },
        { key: "ctr", head: term("ctr"), by: (row) => row.ctr ?? -1, cell: (row) => share(row.ctr) },
        { key: "paid", head: term("click_to_paid"), by: (row) => row.click_to_paid ?? -1, cell: (row) => share(row.click_to_paid) },
        { key: "attention", head: say("attention"), by: (row) => row.attention ?? -1, cell: (row) => attention(row.attention) },
        { key: "next", head: say("next"), text: true, cell: (row) => this.places.get(row.item_id) ?? "" },
      ],
      (row) => row.item_id,
      "gmv",
    );
    this.root = panel("product-panel", of(side, say("products")), say("productsNote"), this.table.root, this.next).root;
  }

  set(products: Product[], suggestions: Suggestions): void {
    this.places = new Map(suggestions.items.map((each, n) => [each.item_id, `${n + 1} · ${name(each.reason)}`]));
    this.table.update(products, (row) => (row.is_shown_now ? "shown" : ""));
    const items = suggestions.items.slice(0, 5).map((each) => `${each.item_id} (${name(each.reason)})`);
    this.next.replaceChildren(items.length ? `${say("nextItems")}: ${items.join(" · ")}` : say("notPublishedLong", say("next")));
  }

  private item(row: Product): HTMLElement {
    return h("span", {}, row.item_id, row.is_shown_now ? h("span", { class: "badge accent" }, say("shownNow")) : null);
  }
}

function attention(value: number | null): HTMLElement | string {
  if (value === null) return share(null);
  const bar = h("span", { class: "meter" });
  bar.style.setProperty("--part", String(value));
  return h("span", { class: "metered" }, bar, share(value, 0));
}
