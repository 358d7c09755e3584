import { freePort, type PortClaim } from "./ports.ts";

/** Every port of a stack. */
export interface StackPorts {
  web: number;
  edges: number[];
  orchestrator: number;
  orchestratorSdk: number;
  inference: number[];
  inferenceSdk: number[];
  control: number;
  console: number;
  temporal: number;
  temporalMetrics: number;
  temporalUi: number;
  valkey: number;
}

export interface Counts {
  edges: number;
  inference: number;
}

const several = (count: number): Promise<number[]> => Promise.all(Array.from({ length: count }, freePort));

/** Ports for a stack that shares the machine with others. */
export async function freePorts(counts: Counts): Promise<StackPorts> {
  const [edges, inference, inferenceSdk] = await Promise.all([
    several(counts.edges),
    several(counts.inference),
    several(counts.inference),
  ]);
  return {
    edges,
    inference,
    inferenceSdk,
    web: await freePort(),
    orchestrator: await freePort(),
    orchestratorSdk: await freePort(),
    control: await freePort(),
    console: await freePort(),
    temporal: await freePort(),
    temporalMetrics: await freePort(),
    temporalUi: await freePort(),
    valkey: await freePort(),
  };
}

/** What each port is for, and the variable that moves it; in the order a person meets them. */
export function portClaims(ports: StackPorts, external: { temporal: boolean; valkey: boolean }): PortClaim[] {
  const claim = (what: string, port: number, variable: string): PortClaim => ({ what, port, variable });
  return [
    claim("web app", ports.web, "HOLDFAST_WEB_PORT"),
    ...ports.edges.map((port, index) => claim(`edge-${index + 1}`, port, "HOLDFAST_EDGE_PORT")),
    claim("orchestrator", ports.orchestrator, "HOLDFAST_ORCHESTRATOR_PORT"),
    claim("orchestrator's Temporal metrics", ports.orchestratorSdk, "HOLDFAST_ORCHESTRATOR_PORT"),
    ...ports.inference.map((port) => claim("inference", port, "HOLDFAST_INFERENCE_PORT")),
    ...ports.inferenceSdk.map((port) => claim("inference's Temporal metrics", port, "HOLDFAST_INFERENCE_PORT")),
    claim("control", ports.control, "HOLDFAST_CONTROL_PORT"),
    claim("console", ports.console, "HOLDFAST_CONSOLE_PORT"),
    ...(external.temporal
      ? []
      : [
          claim("Temporal", ports.temporal, "HOLDFAST_TEMPORAL_PORT"),
          claim("Temporal's metrics", ports.temporalMetrics, "HOLDFAST_TEMPORAL_METRICS_PORT"),
          claim("Temporal Web UI", ports.temporalUi, "HOLDFAST_TEMPORAL_UI_PORT"),
        ]),
    ...(external.valkey ? [] : [claim("Valkey", ports.valkey, "HOLDFAST_VALKEY_PORT")]),
  ];
}
