export { startTemporal, type TemporalOptions, type TemporalServer } from "./temporal-server.ts";
export { startValkey, type ValkeyOptions, type ValkeyServer } from "./valkey-server.ts";
