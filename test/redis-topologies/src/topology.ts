export interface TopologyOptions {
  /** A Valkey or Redis server; the pinned one when left out. */
  executable?: string | undefined;
  /** The nodes keep an append-only file: one that was killed comes back with what it had. Off by default. */
  persist?: boolean;
}

/** Who lost the writes of clients to whom. Ports on the loopback interface. */
export interface Failover {
  lost: number;
  promoted: number;
}

/**
 * Redis servers that replicate and fail over by themselves, as real processes. Strikes come one at a time, each followed by
 * `mend`; a strike resolves when another node serves in the place of the lost one, and everyone who decides agrees.
 */
export interface Topology {
  /** As `connectRedis` takes it. */
  readonly url: string;
  /**
   * From now on no replica receives anything, while clients are answered as before: what they are told is written is lost
   * when a replica takes over. Resolves when every replica is cut off. Strike within a few seconds: a replica that was cut
   * off for long is not elected.
   */
  cutReplication(): Promise<void>;
  /** Lets a hung node run on, believing what it believed before, and leaves it to the others to tell it. */
  wake(): void;
  /** Undoes every strike: the lost nodes are back as replicas, every replica is in step, and the next strike may come. */
  mend(): Promise<void>;
  /** Ends every process and removes every file. */
  stop(): Promise<void>;
}
