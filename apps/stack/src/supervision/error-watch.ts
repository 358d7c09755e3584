import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { readLogLine } from "./log-line.ts";

const LOOK_MS = 300;
const MAX_READ = 256 * 1024;
/** The same line of the same process is shown again only after this long. */
const AGAIN_MS = 60_000;
/** Lines shown within a window, of all processes together; what is beyond is counted. */
const MOST = { lines: 8, withinMs: 10_000 };

export interface WatchedLog {
  name: string;
  path: string;
}

interface Position {
  file: number;
  offset: number;
  rest: string;
}

/** Reads the logs of the apps as they grow, and shows each error in one line: a developer looks at the terminal, not into logs. */
export class ErrorWatch {
  readonly #logs: readonly WatchedLog[];
  readonly #show: (line: string) => void;
  readonly #positions = new Map<string, Position>();
  readonly #shown = new Map<string, number>();
  #window = { since: 0, lines: 0, hidden: 0 };
  readonly #timer: NodeJS.Timeout;

  constructor(logs: readonly WatchedLog[], show: (line: string) => void) {
    this.#logs = logs;
    this.#show = show;
    this.#timer = setInterval(() => this.look(), LOOK_MS);
    this.#timer.unref();
  }

  /** Shows what came since the last look. */
  look(): void {
    for (const log of this.#logs) for (const line of this.#newLines(log)) this.#take(log, line);
    if (this.#window.hidden > 0 && Date.now() - this.#window.since > MOST.withinMs) this.#openWindow();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.look();
  }

  #take(log: WatchedLog, line: string): void {
    const read = readLogLine(line);
    if (!read?.isError) return;
    const now = Date.now();
    // Numbers differ from one session or try to the next; what is wrong is the same.
    const key = `${log.name} ${read.text.replace(/\d+/g, "#")}`;
    if (now - (this.#shown.get(key) ?? 0) < AGAIN_MS) return;
    if (now - this.#window.since > MOST.withinMs) this.#openWindow();
    if (this.#window.lines >= MOST.lines) {
      this.#window.hidden += 1;
      return;
    }
    this.#window.lines += 1;
    this.#shown.set(key, now);
    this.#show(`${log.name}: ${read.text}; more in ${log.path}`);
  }

  #openWindow(): void {
    if (this.#window.hidden > 0) this.#show(`${this.#window.hidden} more errors are in the logs`);
    this.#window = { since: Date.now(), lines: 0, hidden: 0 };
    for (const [key, at] of this.#shown) if (Date.now() - at > AGAIN_MS) this.#shown.delete(key);
  }

  #newLines({ path }: WatchedLog): string[] {
    const inode = statSync(path, { throwIfNoEntry: false })?.ino;
    if (inode === undefined) return [];
    const known = this.#positions.get(path);
    // A log that was rotated begins anew under another inode.
    const from = known?.file === inode ? known : { file: inode, offset: 0, rest: "" };
    const file = openSync(path, "r");
    try {
      const size = fstatSync(file).size;
      // A flood is not read whole: this runs in the process that keeps everything else alive.
      const start = Math.max(from.offset, size - MAX_READ);
      const buffer = Buffer.alloc(Math.max(0, size - start));
      readSync(file, buffer, 0, buffer.length, start);
      const lines = (from.rest + buffer.toString()).split("\n");
      this.#positions.set(path, { file: inode, offset: size, rest: lines.pop() ?? "" });
      return lines;
    } finally {
      closeSync(file);
    }
  }
}
