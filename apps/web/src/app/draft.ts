/** What is being written in a session of one tab, kept over a switch of sessions and a reload. */
export class Draft {
  readonly #key: string;

  constructor(name: string) {
    this.#key = `holdfast.draft/${name}`;
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
