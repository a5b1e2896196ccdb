// What the server answers with; the same names as in serving/wall/*.py. Money in minor units, moments in UTC ms.

export type Figures = Record<string, number | null>;

export interface Moment {
  as_of_ms: number | null;
  final_to_ms: number | null;
  currency: string;
  timezone: string;
  synthetic: boolean;
  running: boolean;
  whole: boolean;
}

export interface Tile {
  metric: string;
  value: number | null;
  change: number | null;
  spark: (number | null)[];
}

export interface Trend {
  from_ms: number;
  values: Record<string, (number | null)[]>;
}

export interface Mark {
  kind: "coupon" | "campaign" | "pin" | "alarm";
  id: string;
  at_ms: number;
  to_ms: number | null;
}

export interface Product {
  item_id: string;
  gmv_paid_minor: number;
  orders_paid: number;
  refunds_minor: number;
  impressions: number;
  clicks: number;
  ctr: number | null;
  click_to_paid: number | null;
  attention: number | null;
  is_shown_now: boolean;
}

export interface Source {
  source: string;
  views: number;
  gmv_paid_minor: number;
  views_share: number | null;
  money_share: number | null;
}

export interface CouponLine {
  coupon_id: string;
  creator_id: string | null;
  status: string;
  cost_minor: number | null;
  bought: number | null;
  spent: number;
  over_delivered: number;
  used_share: number | null;
  roi: Record<string, number | null>;
  incremental_roi: number | null;
  roi_low: number | null;
  roi_high: number | null;
  incremental_gmv_minor: number | null;
  would_have_come_share: number | null;
}

export interface Suggestions {
  items: { item_id: string; reason: string }[];
  model_version: number | null;
  as_of_ms: number | null;
}

export interface Alarm {
  kind: string;
  severity: "alarm" | "warn" | "good";
  scope: string;
  id: string;
  value: number | null;
  benchmark: number | null;
  since_ms: number | null;
}

export interface RoomData {
  moment: Moment;
  room_id: string;
  session_id: string | null;
  creator_id: string | null;
  campaign_id: string | null;
  on_air: boolean;
  from_ms: number | null;
  to_ms: number | null;
  shown_to_ms: number | null;
  is_part: boolean;
  is_final: boolean;
  total: Figures;
  tiles: Tile[];
  ratios: Figures;
  benchmark: Figures;
  trend: Trend | null;
  marks: Mark[];
  products: Product[];
  sources: Source[];
  coupons: CouponLine[];
  suggestions: Suggestions;
  alarms: Alarm[];
  to_pay_ms: number | null;
}

export interface Broadcast {
  session_id: string;
  room_id: string;
  creator_id: string;
  campaign_id: string;
  from_ms: number;
  to_ms: number;
  gmv_paid_minor: number;
  on_air: boolean;
}

export interface BroadcastsData {
  moment: Moment;
  broadcasts: Broadcast[];
}

export interface RoomCell {
  room_id: string;
  session_id: string;
  creator_id: string;
  gmv_paid_minor: number;
  change: number | null;
  on_air: boolean;
}

export interface Standing {
  rank: number;
  id: string;
  value: number;
  moved: number | null;
}

export interface Board {
  scope: string;
  metric: string;
  window: string;
  window_start_ms: number | null;
  standings: Standing[];
}

export interface FunnelMove {
  from_stage: string | null;
  to_stage: string;
  users: number;
  median_ms: number | null;
}

export interface PlatformData {
  moment: Moment;
  shown_to_ms: number | null;
  any_on_air: boolean;
  total: Figures;
  trend: Trend | null;
  fact: { hours_ms: number[]; gmv_paid_minor: Record<string, number[]> } | null;
  rooms: RoomCell[];
  broadcasts: Broadcast[];
  boards: Board[];
  campaigns: string[];
  sources: Source[];
  funnels: { category: string; stages: Record<string, number>; moves: FunnelMove[] }[];
  alarms: Alarm[];
}

export interface QualityData {
  moment: Moment;
  refusals: {
    reason: string;
    count: number;
    samples: { event_id: string | null; rule: string; detail: string; event_time_ms: number | null }[];
  }[];
  refused: number;
  events: number | null;
  late_share: number | null;
  verdicts: Record<string, number>;
  open_refunds: Record<string, [number, number]>;
  incidents: Record<string, number>;
  drift: { metric: string; now: number; before: number; z: number; drifted: boolean; since_ms: number }[];
}

export interface ModelData {
  moment: Moment;
  version: number | null;
  as_of_ms: number | null;
  quality: Record<string, number> | null;
  features: string[];
  weights: number[][];
  suggestions: Suggestions;
  shadow: ShadowFigures | null;
}

export interface ShadowFigures {
  since_ms: number;
  settings: Record<string, unknown>;
  counters: Record<string, number>;
}

export interface HealthData {
  moment: Moment;
  job: Record<string, string>;
  progress: Record<string, number>;
  events: number[];
  events_from_ms: number | null;
  verdicts: Record<string, number>;
  flushes: number;
  server: Record<string, number | string>;
  keys: number | null;
}

export type Definitions = Record<string, { formula: string; unit: string; is_ratio: boolean }>;
