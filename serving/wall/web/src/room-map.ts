// The map of rooms: one cell a room, its size the money of the show, its tone the pace of the last five minutes.

import { Chart, colour, rem } from "./charts";
import { money, share } from "./numbers";
import { say } from "./text";
import type { RoomCell } from "./types";

export class RoomMap {
  private readonly chart: Chart;
  readonly root: HTMLElement;
  private rooms: RoomCell[] = [];

  constructor(open: (room: string, session: string) => void) {
    this.chart = new Chart(say("map"), (clicked) => {
      const room = this.rooms.find((each) => each.room_id === clicked);
      if (room) open(room.room_id, room.session_id);
    });
    this.root = this.chart.root;
  }

  set(rooms: RoomCell[]): void {
    this.rooms = rooms;
    const data = rooms.map((room) => ({
      name: room.room_id,
      value: Math.max(room.gmv_paid_minor, 1),
      itemStyle: { color: tone(room.change), borderColor: colour("surface"), borderWidth: 2 },
      label: { color: colour(room.change !== null && Math.abs(room.change) >= 0.05 ? "on-tone" : "ink") },
      told: `${room.room_id}\n${money(room.gmv_paid_minor)}\n${pace(room.change)}`,
    }));
    this.chart.set(
      {
        tooltip: { show: false },
        series: [
          {
            type: "treemap", left: 0, right: 0, top: 0, bottom: 0, roam: false, nodeClick: false, breadcrumb: { show: false }, data,
            label: { fontSize: rem(0.78), lineHeight: rem(1.05), overflow: "truncate", formatter: (at: { data: { told?: string }; name: string }) => at.data.told ?? at.name },
          },
        ],
      },
      `${say("map")}: ${rooms.slice(0, 8).map((room) => `${room.room_id} ${money(room.gmv_paid_minor)} ${pace(room.change)}`).join("; ")}`,
    );
  }

  dispose(): void {
    this.chart.dispose();
  }
}

function pace(change: number | null): string {
  if (change === null) return "";
  return `${change >= 0 ? "▲" : "▼"} ${share(Math.abs(change), 0)}`;
}

function tone(change: number | null): string {
  if (change === null || Math.abs(change) < 0.05) return colour("tone-flat");
  const strength = Math.abs(change) > 0.4 ? 2 : 1;
  return colour(`tone-${change > 0 ? "up" : "down"}-${strength}`);
}
