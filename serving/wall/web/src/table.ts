// A table that can be sorted by any column; rows keep their identity, and move at most every two seconds.

import { h, reorder, toggle, type Child } from "./dom";

export interface Column<Row> {
  key: string;
  head: Child;
  cell: (row: Row) => Child;
  by?: (row: Row) => number | string;
  text?: boolean;
}

const MOVE_MS = 2000;

export class Table<Row> {
  readonly root: HTMLElement;
  private readonly heads = new Map<string, HTMLElement>();
  private readonly body = h("tbody");
  private readonly held = new Map<string, HTMLTableRowElement>();
  private rows: Row[] = [];
  private moved = 0;
  private descending = true;

  constructor(
    label: string,
    private readonly columns: Column<Row>[],
    private readonly idOf: (row: Row) => string,
    private sortedBy: string | null = null,
  ) {
    const heads = columns.map((column) => this.head(column));
    const table = h("table", {}, h("caption", { class: "hidden" }, label), h("thead", {}, h("tr", {}, ...heads)), this.body);
    this.root = h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": label }, table);
    this.mark();
  }

  update(rows: Row[], classOf?: (row: Row) => string): void {
    this.rows = rows;
    for (const row of rows) this.fill(row, classOf?.(row) ?? "");
    const ids = new Set(rows.map(this.idOf));
    for (const [id, element] of this.held) {
      if (ids.has(id)) continue;
      element.remove();
      this.held.delete(id);
    }
    const added = this.body.children.length !== rows.length;
    if (added || performance.now() - this.moved > MOVE_MS) this.arrange();
  }

  private head(column: Column<Row>): HTMLElement {
    const cell = h("th", { scope: "col", class: column.text ? "text" : "" });
    if (column.by) {
      cell.append(h("button", { class: "sort", click: () => this.sort(column.key) }, column.head), h("span", { class: "way", "aria-hidden": "true" }));
    } else {
      cell.append(...(column.head ? [column.head] : []));
    }
    this.heads.set(column.key, cell);
    return cell;
  }

  private fill(row: Row, kind: string): void {
    const id = this.idOf(row);
    const cells = this.columns.map((column, n) =>
      h(n === 0 ? "th" : "td", { class: column.text ? "text" : "", ...(n === 0 ? { scope: "row" } : {}) }, column.cell(row)),
    );
    const element = this.held.get(id) ?? h("tr");
    element.replaceChildren(...cells);
    element.className = kind;
    this.held.set(id, element);
  }

  private sort(key: string): void {
    this.descending = this.sortedBy === key ? !this.descending : true;
    this.sortedBy = key;
    this.mark();
    this.arrange();
  }

  private mark(): void {
    for (const [key, cell] of this.heads) {
      toggle(cell, "aria-sort", key === this.sortedBy ? (this.descending ? "descending" : "ascending") : null);
    }
  }

  private arrange(): void {
    const by = this.columns.find((column) => column.key === this.sortedBy)?.by;
    const way = this.descending ? -1 : 1;
    const sorted = by
      ? [...this.rows].sort((a, b) => {
          const [left, right] = [by(a), by(b)];
          return left < right ? -way : left > right ? way : 0;
        })
      : this.rows;
    reorder(this.body, sorted.map((row) => this.held.get(this.idOf(row))).filter((row) => row !== undefined));
    this.moved = performance.now();
  }
}
