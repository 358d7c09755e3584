import { defaultPayloadConverter, type PayloadConverter } from "@temporalio/workflow";

const nothing = defaultPayloadConverter.toPayload(undefined);

/**
 * Temporal's converter, but what cannot be decoded is `undefined`. The SDK decodes a signal before any handler sees it,
 * and its error would fail that workflow task and every later one: one bad payload would silence a session for good.
 */
export const payloadConverter: PayloadConverter = {
  toPayload: (value, context, hint) => defaultPayloadConverter.toPayload(value, context, hint),
  fromPayload(payload, context, hint) {
    try {
      return defaultPayloadConverter.fromPayload(payload, context, hint);
    } catch {
      return defaultPayloadConverter.fromPayload(nothing);
    }
  },
};
