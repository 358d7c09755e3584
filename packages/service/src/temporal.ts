import { Client, Connection } from "@temporalio/client";

export interface TemporalClientOptions {
  HOLDFAST_TEMPORAL_ADDRESS: string;
  HOLDFAST_TEMPORAL_NAMESPACE: string;
  HOLDFAST_TEMPORAL_TLS: boolean;
  HOLDFAST_TEMPORAL_API_KEY?: string | undefined;
}

/** Address and credentials in the form both `Connection` and `NativeConnection` take. */
export function temporalConnectionOptions(config: TemporalClientOptions) {
  const apiKey = config.HOLDFAST_TEMPORAL_API_KEY;
  return {
    address: config.HOLDFAST_TEMPORAL_ADDRESS,
    tls: config.HOLDFAST_TEMPORAL_TLS,
    ...(apiKey === undefined ? {} : { apiKey }),
  };
}

/** Unset, gRPC would wait up to two minutes after an outage before it tries the address again. */
const RECONNECT = { "grpc.initial_reconnect_backoff_ms": 200, "grpc.max_reconnect_backoff_ms": 2_000 };

/**
 * Lazy: connects at the first call, so that a process can start (and say it is not ready) while Temporal is away.
 * `retries`: who repeats a call that failed. The SDK's own repeats wait in timers that nothing can cancel, and throw
 * where nobody catches when the connection is closed meanwhile; a caller with a retry of its own does without them.
 */
export function connectTemporal(config: TemporalClientOptions, retries: "sdk" | "caller" = "sdk"): Client {
  const options = { ...temporalConnectionOptions(config), channelArgs: RECONNECT };
  const connection = Connection.lazy(retries === "sdk" ? options : { ...options, interceptors: [] });
  return new Client({ connection, namespace: config.HOLDFAST_TEMPORAL_NAMESPACE });
}
