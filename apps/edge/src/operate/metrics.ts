import type { FrameText } from "@holdfast/internal";
import { LATENCY_BUCKETS } from "@holdfast/service/metrics";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { CoalescerMetrics } from "../send/coalescer.ts";
import type { IntakeMetrics } from "../send/intake.ts";
import type { SnapshotMetrics } from "../read/snapshots.ts";

/** Read when metrics are scraped. */
export interface Levels {
  readonly connections: () => number;
  readonly feeds: () => number;
  readonly subscriptions: () => number;
  readonly queues: () => number;
  readonly depth: () => { events: number; bytes: number };
  readonly outgoing: () => number;
  readonly mostOutgoing: () => number;
  readonly isHolding: () => boolean;
  readonly isDegraded: () => boolean;
}

/** What an edge counts. */
export class EdgeMetrics {
  readonly #registry: Registry;
  readonly #connects: Counter;
  readonly #refusals: Counter<"code">;
  readonly #disconnects: Counter<"reason">;
  readonly #requestRefusals: Counter<"request" | "code">;
  readonly #slowed: Counter;
  readonly #pausedReaders: Gauge;
  readonly #resyncs: Counter;
  readonly #feedLag: Histogram;
  readonly coalescer: CoalescerMetrics;
  readonly intake: IntakeMetrics;
  readonly snapshots: SnapshotMetrics;

  constructor(registry: Registry, onFailure: (error: unknown) => void) {
    const registers = [registry];
    this.#registry = registry;
    this.#connects = new Counter({ name: "holdfast_edge_connects_total", help: "Connections accepted.", registers });
    this.#refusals = new Counter({
      name: "holdfast_edge_refused_total",
      help: "Connections refused, by the HTTP status or the error's code.",
      labelNames: ["code"],
      registers,
    });
    this.#disconnects = new Counter({
      name: "holdfast_edge_disconnects_total",
      help: "Connections ended, by Socket.IO's reason.",
      labelNames: ["reason"],
      registers,
    });
    this.#requestRefusals = new Counter({
      name: "holdfast_edge_requests_refused_total",
      help: "Requests answered with an error, by its code.",
      labelNames: ["request", "code"],
      registers,
    });
    this.#slowed = new Counter({
      name: "holdfast_edge_slowed_total",
      help: "Times a connection was not read for a while, because it had sent more than its rate.",
      registers,
    });
    this.#pausedReaders = new Gauge({
      name: "holdfast_edge_paused_readers",
      help: "Sessions whose frames are held back because their socket is slow.",
      registers,
    });
    this.#resyncs = new Counter({
      name: "holdfast_edge_resyncs_total",
      help: "Readers and feeds that lost their place in the log and need a snapshot.",
      registers,
    });
    this.#feedLag = new Histogram({
      name: "holdfast_edge_feed_lag_seconds",
      help: "From a frame's append (Redis's clock) to its arrival at the feed (this node's).",
      buckets: LATENCY_BUCKETS,
      registers,
    });
    this.coalescer = coalescerMetrics(registers, onFailure);
    this.intake = intakeMetrics(registers);
    this.snapshots = snapshotMetrics(registers);
  }

  connected(): void {
    this.#connects.inc();
  }

  refused(code: string): void {
    this.#refusals.inc({ code });
  }

  /** Tells which limits clients meet (SPEC limit-1, limit-2). `request`: a request the edge knows, or `unknown`. */
  requestRefused(request: string, code: string): void {
    this.#requestRefusals.inc({ request, code });
  }

  readonly slowed = (): void => this.#slowed.inc();

  disconnected(reason: string): void {
    this.#disconnects.inc({ reason });
  }

  paused(): void {
    this.#pausedReaders.inc();
  }

  resumed(): void {
    this.#pausedReaders.dec();
  }

  resynced(): void {
    this.#resyncs.inc();
  }

  /** A frame's id begins with the millisecond of its append. Nothing but this figure relies on that. */
  arrived(frame: Pick<FrameText, "id">): void {
    const lag = Date.now() - Number.parseInt(frame.id, 10);
    if (Number.isFinite(lag)) this.#feedLag.observe(Math.max(0, lag) / 1_000);
  }

  watch(levels: Levels): void {
    const gauges: [string, string, () => number][] = [
      ["connections", "Connections open.", levels.connections],
      ["feeds", "Sessions read by this node's clients, now or a moment ago.", levels.feeds],
      ["subscriptions", "Session logs followed in Redis.", levels.subscriptions],
      ["queues", "Sessions that were sent something lately.", levels.queues],
      ["waiting_events", "Events taken and not durable yet.", () => levels.depth().events],
      ["waiting_bytes", "Bytes of events taken and not durable yet.", () => levels.depth().bytes],
      ["intake_held", "1 while Temporal does not answer and signals are held back.", () => Number(levels.isHolding())],
      ["outgoing_bytes", "Bytes waiting in this process for clients to read them.", levels.outgoing],
      ["socket_buffered_bytes", "The most of them that waits for one client.", levels.mostOutgoing],
      ["degraded", "1 while the session log, or a part of it, is out of reach.", () => Number(levels.isDegraded())],
    ];
    for (const [name, help, read] of gauges) {
      const gauge: Gauge = new Gauge({
        name: `holdfast_edge_${name}`,
        help,
        registers: [this.#registry],
        collect: () => gauge.set(read()),
      });
    }
  }
}

function coalescerMetrics(registers: Registry[], onFailure: (error: unknown) => void): CoalescerMetrics {
  const batch = new Histogram({
    name: "holdfast_edge_batch_events",
    help: "Events in one signal.",
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
    registers,
  });
  const inFlight = new Gauge({ name: "holdfast_edge_signals_in_flight", help: "Signals under way.", registers });
  const retries = new Counter({ name: "holdfast_edge_signal_retries_total", help: "Signals sent again.", registers });
  return {
    signalStarted(events) {
      batch.observe(events);
      inFlight.inc();
    },
    signalEnded: () => inFlight.dec(),
    retried: () => retries.inc(),
    failed: onFailure,
  };
}

function intakeMetrics(registers: Registry[]): IntakeMetrics {
  const durable = new Histogram({
    name: "holdfast_edge_event_durable_seconds",
    help: "From the arrival of a `send` to its durable answer.",
    buckets: LATENCY_BUCKETS,
    registers,
  });
  const busy = new Counter({
    name: "holdfast_edge_busy_total",
    help: "Sends refused as busy, by what was full.",
    labelNames: ["limit"],
    registers,
  });
  return {
    durable: (seconds) => durable.observe(seconds),
    busy: (limit) => busy.inc({ limit }),
  };
}

function snapshotMetrics(registers: Registry[]): SnapshotMetrics {
  const served = new Counter({
    name: "holdfast_edge_snapshots_total",
    help: "Snapshots read, by where they came from.",
    labelNames: ["source"],
    registers,
  });
  const queries = new Counter({ name: "holdfast_edge_queries_total", help: "Snapshot Queries made.", registers });
  const atOnce = new Histogram({
    name: "holdfast_edge_queries_at_once",
    help: "Snapshot Queries in flight when one more began, it included.",
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
    registers,
  });
  return {
    served: (source) => served.inc({ source }),
    queried(inFlight) {
      queries.inc();
      atOnce.observe(inFlight);
    },
  };
}
