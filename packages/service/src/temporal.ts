import { Client, Connection } from "@temporalio/client";

export interface TemporalSettings {
  HOLDFAST_TEMPORAL_ADDRESS: string;
  HOLDFAST_TEMPORAL_NAMESPACE: string;
  HOLDFAST_TEMPORAL_TLS: boolean;
  HOLDFAST_TEMPORAL_API_KEY?: string | undefined;
}

/** Address and credentials in the form both `Connection` and `NativeConnection` take. */
export function temporalConnectionOptions(config: TemporalSettings) {
  const apiKey = config.HOLDFAST_TEMPORAL_API_KEY;
  return {
    address: config.HOLDFAST_TEMPORAL_ADDRESS,
    tls: config.HOLDFAST_TEMPORAL_TLS,
    ...(apiKey === undefined ? {} : { apiKey }),
  };
}

/** Lazy: connects at the first call, so that a process can start (and say it is not ready) while Temporal is away. */
export function connectTemporal(config: TemporalSettings): Client {
  const connection = Connection.lazy(temporalConnectionOptions(config));
  return new Client({ connection, namespace: config.HOLDFAST_TEMPORAL_NAMESPACE });
}
