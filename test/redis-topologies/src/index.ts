export { type ClusterOptions, type ClusterTopology, startCluster } from "./cluster.ts";
export { startPair, type PairTopology } from "./pair.ts";
export { type SentinelOptions, type SentinelTopology, startSentinel } from "./sentinel.ts";
export type { Failover, Topology } from "./topology.ts";
