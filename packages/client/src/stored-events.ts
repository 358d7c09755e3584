import { eventSchema, type Event } from "@holdfast/contract";

/**
 * A producer's stored events, ascending by `seq`, up to the first that this release cannot read: a later one may have kept
 * it, in another tab or before the page was rolled back. Those behind it wait with it for a page that can. Sent without it,
 * they would be taken, and it then dropped as one the session has seen (SPEC send-7).
 */
export function readableEvents(stored: readonly unknown[]): Event[] {
  const events: Event[] = [];
  for (const raw of stored) {
    const parsed = eventSchema.safeParse(raw);
    if (!parsed.success) break;
    events.push(parsed.data);
  }
  return events;
}
