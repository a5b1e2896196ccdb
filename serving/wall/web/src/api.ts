// Asks the server for a view; what goes wrong is told apart: it does not answer, or it says why not.

import { headers } from "./key";

export class Refused extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

/** Reads one JSON document; raises Refused with the server's reason, TypeError where nothing answers. */
export async function read<T>(path: string, asked: Record<string, string | null> = {}): Promise<T> {
  const query = new URLSearchParams(Object.entries(asked).filter((pair): pair is [string, string] => pair[1] !== null));
  const text = query.size ? `?${query}` : "";
  const answer = await fetch(`/v1/wall/${path}${text}`, { headers: { accept: "application/json", ...headers() } });
  if (answer.ok) return (await answer.json()) as T;
  const problem = (await answer.json().catch(() => ({}))) as { detail?: string; title?: string };
  throw new Refused(answer.status, problem.detail ?? problem.title ?? answer.statusText);
}
