const PREFIX = "holdfast.draft/";

/** What is being written in a session of one tab, kept over a switch of sessions and a reload. */
export class Draft {
  readonly #key: string;

  constructor(name: string) {
    this.#key = `${PREFIX}${name}`;
  }

  read(): string {
    try {
      return sessionStorage.getItem(this.#key) ?? "";
    } catch {
      return "";
    }
  }

  write(text: string): void {
    try {
      if (text === "") sessionStorage.removeItem(this.#key);
      else sessionStorage.setItem(this.#key, text);
    } catch {
      // Storage is blocked or full: the draft lives as long as the field does.
    }
  }
}

/** At sign-out: nothing half-said stays behind. */
export function forgetDrafts(): void {
  try {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
  } catch {
    // What cannot be reached was not written either.
  }
}
