/** What the page offers to the test that drives it, as the global `handle`. */
export interface PageHandle {
  torn(): number;
  /** Commits of `Chat`, and animation frames of the page, since it was mounted. */
  rendered(): { commits: number; frames: number };
  /** Sends without keeping the session open for it. */
  send(text: string): void;
  /** Events in this scope's database. */
  stored(): Promise<number>;
  connection(): string;
  pending(): string[];
  open(): void;
  /** Asks for turns before those held. */
  history(limit: number): Promise<boolean>;
  mount(): void;
  unmount(): void;
}

declare global {
  var handle: PageHandle;
}
