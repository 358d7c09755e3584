import type { NamedProcess } from "../measure/processes.ts";
import type { LoadSession, LoadTarget, ProgressOf } from "./target.ts";
import { WireConnection } from "./wire-connection.ts";
import { WireSession } from "./wire-session.ts";

/** A session as the system's own truth holds it, for the comparison at the end. */
export interface Truth {
  turns: number;
  /** Undefined where the system does not count them. */
  observes: number | undefined;
}

export interface WireTargetSettings {
  name: LoadTarget["name"];
  /** Connections are spread over them in turn. */
  urls: string[];
  agent: string;
  /** Events in one `send` at most. */
  perSend: number;
  /** At most what `LIMITS.sessionsPerConnection` says. */
  sessionsPerConnection: number;
  processes: NamedProcess[];
  token(subject: string): Promise<string>;
  workflowId?: (subject: string, session: string) => string;
  /** Undefined where there is no truth but what the reader saw. */
  truth?: (subject: string, session: string) => Promise<Truth>;
}

/** Anything that speaks the wire contract: Holdfast's edges, or the floor. */
export class WireTarget implements LoadTarget {
  readonly name: LoadTarget["name"];
  readonly processes: NamedProcess[];
  readonly #settings: WireTargetSettings;
  readonly #connections: WireConnection[] = [];
  #opened = 0;

  constructor(settings: WireTargetSettings) {
    this.#settings = settings;
    this.name = settings.name;
    this.processes = settings.processes;
  }

  async open(count: number, progressOf: ProgressOf): Promise<LoadSession[]> {
    const sessions: LoadSession[] = [];
    const most = this.#settings.sessionsPerConnection;
    while (sessions.length < count) {
      sessions.push(
        ...(await this.#openConnection(sessions.length, Math.min(count - sessions.length, most), progressOf)),
      );
    }
    return sessions;
  }

  async #openConnection(first: number, count: number, progressOf: ProgressOf): Promise<LoadSession[]> {
    const { urls, agent, perSend } = this.#settings;
    const ordinal = this.#connections.length;
    const url = urls[ordinal % urls.length];
    if (url === undefined) throw new Error(`${this.name} has no address to connect to.`);
    const subject = `load-${ordinal}`;
    const connection = await WireConnection.connect(url, await this.#settings.token(subject), agent, progressOf(first));
    this.#connections.push(connection);
    const sessions = Array.from({ length: count }, (_, index) => {
      const name = `${this.name}-${process.pid}-${++this.#opened}`;
      return new WireSession(name, "bench", connection, progressOf(first + index), perSend);
    });
    await Promise.all(sessions.map((session) => connection.add(session)));
    return sessions.map((session) => this.#loadSession(subject, session));
  }

  #loadSession(subject: string, session: WireSession): LoadSession {
    return {
      name: session.name,
      workflowId: this.#settings.workflowId?.(subject, session.name),
      offered: session.offered,
      get unsettled() {
        return session.unsettled;
      },
      offer: (burst, intendedAt, counted) => session.offer(burst, intendedAt, counted),
      verify: async () => {
        const truth = await this.#settings.truth?.(subject, session.name);
        return [
          ...session.faults,
          ...readerFaults(session),
          ...(truth === undefined ? [] : truthFaults(session, truth)),
        ];
      },
    };
  }

  async closeSessions(): Promise<void> {
    for (const connection of this.#connections.splice(0)) connection.close();
  }

  async close(): Promise<void> {
    await this.closeSessions();
  }
}

function readerFaults(session: WireSession): string[] {
  const read = session.snapshot.turns.at(-1)?.turn ?? 0;
  const { inputs } = session.offered;
  return read === inputs ? [] : [`${session.name}: ${inputs} inputs were sent, the reader saw ${read} turns.`];
}

function truthFaults({ name, offered }: WireSession, truth: Truth): string[] {
  const faults: string[] = [];
  if (truth.turns !== offered.inputs) {
    faults.push(`${name}: ${offered.inputs} inputs were sent, the workflow holds ${truth.turns} turns.`);
  }
  if (truth.observes !== undefined && truth.observes !== offered.observes) {
    faults.push(`${name}: ${offered.observes} observes were sent, the workflow counted ${truth.observes}.`);
  }
  return faults;
}
