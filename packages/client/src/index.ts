export { partsOf, textOf, textOfParts } from "@holdfast/contract";
export type {
  Announcement,
  DataPart,
  Event,
  File,
  Finish,
  Frame,
  Input,
  Json,
  JsonObject,
  Origin,
  Part,
  Question,
  ReasoningPart,
  RunningTurn,
  Step,
  TextPart,
  ToolPart,
  ToolState,
  Turn,
  TurnError,
  TurnOutcome,
  Usage,
} from "@holdfast/contract";
export { connect, type AgentStates, type ClientEvents, type HoldfastClient } from "./client.ts";
export type { ConnectionState } from "./connection.ts";
export type { DeliveryState } from "./delivery.ts";
export { CLIENT_ERRORS, HoldfastError, type ClientErrorCode } from "./errors.ts";
export { DEFAULT_BOUNDS, type Bounds, type ConnectOptions } from "./options.ts";
export type { PendingInput, Receipt } from "./outbox-entry.ts";
export type { FrameOutcome } from "./reader.ts";
export type { CommandOptions } from "./requests.ts";
export type { Notice, SendOptions, Session, SessionEvents, SessionOptions } from "./session.ts";
export {
  indexedDbStorage,
  memoryStorage,
  type AdoptedProducer,
  type IndexedDbStorageOptions,
  type OutboxStorage,
  type ProducerStore,
} from "./storage.ts";
export type { TokenRequest, TokenSource } from "./token.ts";
export type { Lag, SessionView } from "./view.ts";
