/**
 * Every limit a client can meet, in one place. SPEC.md §11 quotes this table; the edge sends it in `welcome`.
 * Bytes are UTF-8 bytes, of the JSON encoding where it says so; a length counts UTF-16 code units of text, and of the
 * encoding of what is no text. This file imports nothing, so workflow code may use it.
 */
export const LIMITS = {
  /** One `input.text`. */
  inputTextBytes: 32 * 1024,
  /** One event, or one command's `args`, encoded. */
  eventBytes: 48 * 1024,
  /** Events in one `send`. */
  eventsPerSend: 256,
  /** One Socket.IO packet from a client (`maxHttpBufferSize`). */
  packetBytes: 1024 * 1024,
  /** Sessions one connection may have open. */
  sessionsPerConnection: 64,
  /** Inputs of one session that one edge lets be durable but not applied; beyond it `busy`. */
  unappliedInputs: 256,
  unappliedInputBytes: 384 * 1024,
  /** One part that is neither text nor reasoning, encoded: a tool call with its input and output, a piece of data. */
  partLength: 64 * 1024,
  /** What a turn makes, over all of its steps; a model that says more is stopped there. */
  turnLength: 256 * 1024,
  /** Committed turns a snapshot carries; `history` tells the older ones. */
  snapshotTurns: 200,
  /** What the turns of a snapshot hold: inputs and parts. */
  snapshotLength: 384 * 1024,
  /** The newest turns of a snapshot, whose parts are whole. */
  wholeTurns: 20,
  /** Turns that one answer to `history` holds, and what they hold together; it has one turn at least. */
  historyTurns: 50,
  historyLength: 384 * 1024,
  /** One agent state, encoded. A larger one fails the turn that made it. */
  stateBytes: 128 * 1024,
  /** Length in UTF-16 code units of a tenant, owner, session or producer name. */
  nameLength: 128,
  /** Producers whose high-water mark a session remembers; the longest silent is forgotten first. */
  producers: 256,
  /** Commands whose answer a session remembers, so that a repeat gets the same answer. */
  commands: 128,
  /** Frames one session's log keeps, and their bytes; the newest stays, whatever it weighs. Bytes are the default of HOLDFAST_LOG_BYTES. */
  logFrames: 4000,
  logBytes: 256 * 1024,
  /** Seconds for which a silent log keeps its frames. A reader that has the last frame goes on from it even later. */
  logSilentSeconds: 120,
  /** Seconds for which frames from before the end of the turn before the last are kept, for readers that are a little behind. */
  logEndedSeconds: 15,
  /** Seconds for which a silent session's last cursor and its snapshot are kept. */
  logTtlSeconds: 24 * 3600,
} as const;
export type Limits = Record<keyof typeof LIMITS, number>;
