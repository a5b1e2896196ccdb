// What every view is: it asks for its data and draws them, as often as it is told to.

import type { Moment } from "./types";

export interface View {
  readonly root: HTMLElement;
  /** Asks the server, draws, and returns what stands in the header. */
  refresh(): Promise<Heading>;
  key?(event: KeyboardEvent): boolean;
  dispose(): void;
}

export interface Heading {
  moment: Moment;
  title: string;
  subtitle: string;
  /** Who hosts, where that is known. */
  host?: string | null;
  state: "air" | "ended" | "review" | null;
  /** How long a show on air has lasted. */
  length: string;
}
