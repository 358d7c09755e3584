import type { SessionKey } from "@holdfast/contract";
import { Cluster, type Redis } from "ioredis";
import { logOf } from "./keys.ts";
import { masterOf, mastersOf } from "./slots.ts";

/** The one server, or a Cluster as long as it names none. */
const ALL = "all";
/** A master of very few slots may stay without a key to ask for; it counts as in reach. */
const MAX_TRIES = 20_000;

/**
 * Which sessions' logs can be read and written. It knows what it was last told: a server that hangs, or a network that
 * swallows packets, shows only by not answering. Of a Cluster one master may be away while the others serve.
 */
export class LogReach {
  readonly #redis: Redis | Cluster;
  #away: ReadonlySet<string> = new Set();

  /** `redis`: a connection for commands. */
  constructor(redis: Redis | Cluster) {
    this.#redis = redis;
  }

  /** Names of servers that do not serve. They change when another serves in the place of one. */
  get away(): ReadonlySet<string> {
    return this.#away;
  }

  /** No session's log is in reach. */
  get isGone(): boolean {
    return this.#away.has(ALL);
  }

  isAway(key: SessionKey): boolean {
    if (this.#away.size === 0 || !(this.#redis instanceof Cluster)) return this.isGone;
    const master = masterOf(this.#redis, logOf(key));
    return this.isGone || master === undefined || this.#away.has(master);
  }

  /** What is known otherwise: nothing is in reach. */
  lose(): void {
    this.#away = new Set([ALL]);
  }

  /** Asks every server. Never rejects, and ends with the connection's patience for a command. */
  async look(): Promise<void> {
    if (this.#redis instanceof Cluster) this.#away = await awayOf(this.#redis);
    else if (await answers(this.#redis.ping())) this.#away = new Set();
    else this.lose();
  }
}

async function awayOf(cluster: Cluster): Promise<Set<string>> {
  const away = new Set<string>();
  if (cluster.status !== "ready") return away.add(ALL);
  const masters = mastersOf(cluster);
  const looks = [...probesOf(cluster, masters)].map(async ([master, key]) => {
    const node = cluster.nodes("master").find(({ options }) => `${options.host}:${options.port}` === master);
    // A question about a key: a node that is up may know that it serves none, or not this one.
    if (node === undefined || !(await answers(node.exists(key)))) away.add(master);
  });
  await Promise.all(looks);
  // Perhaps another serves by now.
  if (away.size > 0) cluster.refreshSlotsCache();
  if (away.size === masters.size) away.add(ALL);
  return away;
}

/** A key of each master: found by trying, a few times as many as there are masters. */
function probesOf(cluster: Cluster, masters: ReadonlySet<string>): Map<string, string> {
  const probes = new Map<string, string>();
  for (let n = 0; probes.size < masters.size && n < MAX_TRIES; n++) {
    const key = `hf:reach:${n}`;
    const master = masterOf(cluster, key);
    if (master !== undefined && !probes.has(master)) probes.set(master, key);
  }
  return probes;
}

async function answers(question: Promise<unknown>): Promise<boolean> {
  try {
    await question;
    return true;
  } catch {
    return false;
  }
}
