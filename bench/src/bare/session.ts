import type { Client } from "@temporalio/client";
import type { EventKind, LoadSession, Offered, Progress, Sent } from "../load/target.ts";
import {
  BARE_QUERY,
  BARE_QUEUE,
  BARE_SIGNAL_FACT,
  BARE_SIGNAL_INPUT,
  BARE_WORKFLOW,
  type BareCounts,
  type BareOutput,
  type BareStart,
} from "./protocol.ts";
import type { bare } from "./workflows.ts";

/** One bare workflow, as whoever signals it plainly sees it. */
export class BareSession implements LoadSession {
  readonly name: string;
  readonly workflowId: string;
  readonly offered: Offered = { inputs: 0, observes: 0 };
  readonly #client: Client;
  readonly #start: BareStart;
  readonly #progress: Progress;
  readonly #inputs = new Map<number, Sent>();
  #observesUnderWay = 0;
  #seq = 0;
  readonly #faults: string[] = [];

  constructor(client: Client, start: BareStart, progress: Progress) {
    this.name = start.session;
    this.workflowId = start.session;
    this.#client = client;
    this.#start = start;
    this.#progress = progress;
  }

  get unsettled(): number {
    return this.#inputs.size + this.#observesUnderWay;
  }

  offer(burst: readonly EventKind[], intendedAt: number, counted: boolean): void {
    for (const kind of burst) {
      const sent: Sent = { seq: ++this.#seq, kind, intendedAt, counted };
      if (kind === "input") {
        this.offered.inputs++;
        this.#inputs.set(sent.seq, sent);
      } else {
        this.offered.observes++;
        this.#observesUnderWay++;
      }
      void this.#signal(sent);
    }
  }

  async #signal(sent: Sent): Promise<void> {
    try {
      await this.#client.workflow.signalWithStart<typeof bare, [number]>(BARE_WORKFLOW, {
        workflowId: this.name,
        taskQueue: BARE_QUEUE,
        args: [this.#start],
        signal: sent.kind === "input" ? BARE_SIGNAL_INPUT : BARE_SIGNAL_FACT,
        signalArgs: [sent.seq],
      });
      this.#progress.durable(sent);
    } catch (error) {
      // Nothing here retries: whoever signals plainly loses the event, and that is part of the comparison.
      this.#faults.push(`${this.name}: event ${sent.seq} was lost: ${String(error)}`);
      this.#progress.note("signal_failed");
      this.#inputs.delete(sent.seq);
    } finally {
      if (sent.kind === "observe") this.#observesUnderWay--;
    }
  }

  onOutput({ seq, output }: BareOutput): void {
    const sent = this.#inputs.get(seq);
    if (sent === undefined) return;
    if (output === "first") return this.#progress.first(sent);
    this.#inputs.delete(seq);
    this.#progress.final(sent);
  }

  /** The last output is told before the activity's result is committed, so the count may still be on its way. */
  async verify(): Promise<string[]> {
    const { inputs, observes } = this.offered;
    if (inputs + observes === 0) return this.#faults;
    const handle = this.#client.workflow.getHandle(this.name);
    let counts: BareCounts = { turns: 0, facts: 0 };
    for (let tries = 0; tries < 50; tries++) {
      counts = await handle.query<BareCounts>(BARE_QUERY);
      if (counts.turns === inputs && counts.facts === observes) return this.#faults;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const sentence = `${this.name}: sent ${inputs} inputs and ${observes} facts, holds ${counts.turns} and ${counts.facts}.`;
    return [...this.#faults, sentence];
  }
}
