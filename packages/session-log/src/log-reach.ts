import type { SessionKey } from "@holdfast/contract";
import { Cluster, type Redis } from "ioredis";
import { logOf, masterOf, mastersOf, reachKeysOf } from "./keys.ts";
import { textOf } from "./replies.ts";
import { defineProbe, scalars } from "./scripts.ts";

/** Stands for a single server, and for the whole of a Cluster. */
const ALL = "all";
/** A bound on the search for a key of each master. A master of very few slots may get none; it counts as in reach. */
const MAX_TRIES = 20_000;

/**
 * Which sessions' logs can be read and written, as of the last look. A look writes: a server that hangs shows only by not answering,
 * and a server that answers reads but takes no writes shows only by a write. Of a Cluster one master may be away while the others serve.
 */
export class LogReach {
  readonly #redis: Redis | Cluster;
  #away: ReadonlySet<string> = new Set();
  #replicationIds: ReadonlyMap<string, string> = new Map();
  #replaced = false;
  readonly #probes = new WeakSet<Redis>();

  /** `redis`: a connection for commands. */
  constructor(redis: Redis | Cluster) {
    this.#redis = redis;
    if (!(redis instanceof Cluster)) defineProbe(redis);
  }

  /** Names of the servers that do not serve. */
  get away(): ReadonlySet<string> {
    return this.#away;
  }

  /** No session's log is in reach. */
  get isGone(): boolean {
    return this.#away.has(ALL);
  }

  /**
   * Whether a replication id changed between the last two looks: a server was replaced, or was a replica in between, and may have
   * lost acknowledged writes. Connections do not tell of that.
   */
  get wasReplaced(): boolean {
    return this.#replaced;
  }

  isAway(key: SessionKey): boolean {
    if (this.#away.size === 0 || !(this.#redis instanceof Cluster)) return this.isGone;
    const master = masterOf(this.#redis, logOf(key));
    return this.isGone || master === undefined || this.#away.has(master);
  }

  /** For a caller that knows, without a look, that no server is in reach. */
  lose(): void {
    this.#away = new Set([ALL]);
  }

  /** Asks every server. Never rejects, and takes no longer than the connection's timeout for a command. */
  async look(): Promise<void> {
    const replicationIds =
      this.#redis instanceof Cluster ? await this.#askAll(this.#redis) : await this.#askOne(this.#redis);
    this.#replaced = [...replicationIds].some(
      ([name, replicationId]) => (this.#replicationIds.get(name) ?? replicationId) !== replicationId,
    );
    this.#replicationIds = new Map([...this.#replicationIds, ...replicationIds]);
  }

  async #askOne(redis: Redis): Promise<Map<string, string>> {
    const replicationId = await probe(redis, 0);
    if (replicationId === undefined) {
      this.lose();
      return new Map();
    }
    this.#away = new Set();
    return new Map([[ALL, replicationId]]);
  }

  async #askAll(cluster: Cluster): Promise<Map<string, string>> {
    const [away, replicationIds] = [new Set<string>(), new Map<string, string>()];
    this.#away = away;
    if (cluster.status !== "ready") {
      away.add(ALL);
      return replicationIds;
    }
    const masters = mastersOf(cluster);
    const looks = [...partsOf(cluster, masters)].map(async ([master, part]) => {
      const node = cluster.nodes("master").find(({ options }) => `${options.host}:${options.port}` === master);
      if (node !== undefined && !this.#probes.has(node)) {
        this.#probes.add(node);
        defineProbe(node);
      }
      // The question is about a key: a node that is up may serve no keys, or not this one.
      const replicationId = node && (await probe(node, part));
      if (replicationId === undefined) away.add(master);
      else replicationIds.set(master, replicationId);
    });
    await Promise.all(looks);
    // Another master may serve those slots by now.
    if (away.size > 0) cluster.refreshSlotsCache();
    if (away.size === masters.size) away.add(ALL);
    return replicationIds;
  }
}

/** For each master a number whose probe keys it serves. Found by trying. */
function partsOf(cluster: Cluster, masters: ReadonlySet<string>): Map<string, number> {
  const parts = new Map<string, number>();
  for (let n = 0; parts.size < masters.size && n < MAX_TRIES; n++) {
    const master = masterOf(cluster, reachKeysOf(n)[0] ?? "");
    if (master !== undefined && !parts.has(master)) parts.set(master, n);
  }
  return parts;
}

/** The server's replication id, '' if it does not tell; undefined if it takes no writes. */
async function probe(redis: Redis, part: number): Promise<string | undefined> {
  try {
    return textOf(await redis.holdfastProbe(...reachKeysOf(part), scalars({})));
  } catch {
    return undefined;
  }
}
