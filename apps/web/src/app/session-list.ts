import { NAME_PATTERN } from "@holdfast/contract";
import { z } from "zod";
import type { Identity } from "./identity.ts";
import { cut, oneLine } from "./plain-text.ts";
import { SavedValue } from "./saved-value.ts";

const entrySchema = z.object({
  /** The session's name at the edge; never changes. */
  name: z.string().regex(NAME_PATTERN),
  /** What this browser calls it. Absent: not named yet, or forgotten at sign-out. */
  title: z.string().min(1).max(80).optional(),
  /** Whom one talks to; absent: the page's own agent. */
  agent: z.string().regex(NAME_PATTERN).optional(),
  /** When something was last said in it from here, milliseconds of the wall clock. */
  at: z.number().optional(),
});
export type SessionEntry = z.infer<typeof entrySchema>;

/** The first conversation has this name, so that the same person meets it on every device. */
export const FIRST_SESSION = "main";
const LONGEST_TITLE = 80;
const EXCERPT = 40;

/** A conversation taken off the list, and where it stood. */
export interface Removed {
  entry: SessionEntry;
  place: number;
}

/**
 * The conversations this browser knows of, the newest first: those something was said in. Which sessions a subject has is
 * otherwise known to Temporal only.
 */
export class SessionList {
  readonly saved: SavedValue<SessionEntry[]>;

  constructor(identity: Identity) {
    this.saved = new SavedValue(`holdfast.sessions/${identity.tenant}/${identity.subject}`, z.array(entrySchema), []);
  }

  /** A name nobody has used. It is not listed before something is said there. */
  newName(): string {
    const random = crypto.getRandomValues(new Uint32Array(2));
    return `chat-${[...random].map((part) => part.toString(36)).join("")}`;
  }

  /** Something was said: the conversation comes first, named after its first message unless it has a title. */
  said(name: string, agent: string | undefined, message: string): void {
    const entry = this.#find(name) ?? { name, ...(agent !== undefined && { agent }) };
    const title = entry.title ?? excerpt(message);
    const others = this.saved.get().filter((other) => other.name !== name);
    this.saved.set([{ ...entry, at: Date.now(), ...(title !== "" && { title }) }, ...others]);
  }

  /** What was said there is seen again, in a browser that does not know it or has forgotten its title. */
  seen(name: string, agent: string | undefined, firstMessage: string): void {
    const entry = this.#find(name);
    const title = excerpt(firstMessage);
    if (entry === undefined) {
      const found = { name, ...(agent !== undefined && { agent }), ...(title !== "" && { title }) };
      this.saved.set([found, ...this.saved.get()]);
    } else if (entry.title === undefined && title !== "") this.#change(name, { title });
  }

  rename(name: string, title: string): void {
    const line = cut(oneLine(title), LONGEST_TITLE).trim();
    if (line !== "") this.#change(name, { title: line });
  }

  /** Takes it off the list. The conversation itself is the service's, and stays. */
  remove(name: string): Removed | undefined {
    const entries = this.saved.get();
    const place = entries.findIndex((entry) => entry.name === name);
    const entry = entries[place];
    if (entry === undefined) return undefined;
    this.saved.set(entries.toSpliced(place, 1));
    return { entry, place };
  }

  restore({ entry, place }: Removed): void {
    const others = this.saved.get().filter(({ name }) => name !== entry.name);
    this.saved.set(others.toSpliced(place, 0, entry));
  }

  /** What was said must not stand in a browser its writer has signed out of. The names alone say nothing. */
  forgetTitles(): void {
    this.saved.set(this.saved.get().map(({ title: _, ...entry }) => entry));
  }

  #find(name: string): SessionEntry | undefined {
    return this.saved.get().find((entry) => entry.name === name);
  }

  #change(name: string, change: Partial<SessionEntry>): void {
    this.saved.set(this.saved.get().map((entry) => (entry.name === name ? { ...entry, ...change } : entry)));
  }
}

export function titleOf(entry: SessionEntry | undefined): string {
  return entry?.title ?? (entry === undefined ? "New conversation" : "Untitled conversation");
}

function excerpt(message: string): string {
  const line =
    message
      .split("\n")
      .map(oneLine)
      .find((text) => text !== "") ?? "";
  return line.length > EXCERPT ? `${cut(line, EXCERPT - 1).trimEnd()}…` : line;
}
