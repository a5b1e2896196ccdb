// The API key, where the server asks for one: kept for this tab only.

const PLACE = "interestream.key";

export function headers(): Record<string, string> {
  const key = held();
  return key ? { authorization: `Bearer ${key}` } : {};
}

export function keepKey(key: string): void {
  try {
    sessionStorage.setItem(PLACE, key.trim());
  } catch {
    // Without a place to keep it, the key is asked for again.
  }
}

function held(): string | null {
  try {
    return sessionStorage.getItem(PLACE);
  } catch {
    return null;
  }
}
