import { NAME_PATTERN } from "@holdfast/contract";
import { z } from "zod";
import type { Identity } from "./identity.ts";
import { SavedValue } from "./saved-value.ts";

const entrySchema = z.object({
  /** The session's name at the edge; never changes. */
  name: z.string().regex(NAME_PATTERN),
  /** What this browser calls it. Absent: named after its first message. */
  title: z.string().min(1).max(80).optional(),
});
export type SessionEntry = z.infer<typeof entrySchema>;

/** Everybody has this one, so that the same person meets the same conversation on every device. */
const FIRST: SessionEntry = { name: "main" };

/** The sessions this browser knows of, newest first. Which sessions a subject has is otherwise known to Temporal only. */
export class SessionList {
  readonly saved: SavedValue<SessionEntry[]>;

  constructor(identity: Identity) {
    const key = `holdfast.sessions/${identity.tenant}/${identity.subject}`;
    this.saved = new SavedValue(key, z.array(entrySchema).min(1), [FIRST]);
  }

  /** Adds a session of a new name and returns the name. */
  add(): string {
    const random = crypto.getRandomValues(new Uint32Array(2));
    const name = `chat-${[...random].map((part) => part.toString(36)).join("")}`;
    this.saved.set([{ name }, ...this.saved.get()]);
    return name;
  }

  /** Makes sure `name` is listed: a link may name a session this browser has not seen. */
  admit(name: string): void {
    const entries = this.saved.get();
    if (!entries.some((entry) => entry.name === name)) this.saved.set([{ name }, ...entries]);
  }

  rename(name: string, title: string): void {
    const cut = title.trim().slice(0, 80);
    if (cut === "") return;
    this.saved.set(this.saved.get().map((entry) => (entry.name === name ? { ...entry, title: cut } : entry)));
  }

  /** Names a session after its first message, unless it has a title. */
  nameAfter(name: string, message: string): void {
    const entry = this.saved.get().find((candidate) => candidate.name === name);
    if (entry !== undefined && entry.title === undefined) this.rename(name, excerpt(message));
  }
}

export function titleOf(entry: SessionEntry): string {
  return entry.title ?? (entry.name === FIRST.name ? "First conversation" : "New conversation");
}

function excerpt(message: string): string {
  const line = message.trim().split("\n", 1)[0] ?? "";
  return line.length > 40 ? `${line.slice(0, 39).trimEnd()}…` : line;
}
