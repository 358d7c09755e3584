import type { PendingInput } from "@holdfast/client";

/** How far up the ack ladder a message is (SPEC §6). */
type DeliveryStatus = PendingInput["status"] | "applied";

const MEANING: Record<DeliveryStatus, { mark: string; label: string; meaning: string }> = {
  sending: { mark: "○", label: "Sending…", meaning: "Kept in this browser and sent until the service has it" },
  durable: { mark: "✓", label: "Sent", meaning: "Saved by the service: it will be answered, whatever breaks" },
  applied: { mark: "✓✓", label: "Read", meaning: "The agent has read it" },
  refused: { mark: "✕", label: "Not sent", meaning: "The service will never take it" },
};

/** The status of one message, as a mark and a word. */
export function Delivery({ status, reason }: { status: DeliveryStatus; reason?: string | undefined }) {
  const { mark, label, meaning } = MEANING[status];
  return (
    <span className={`delivery delivery-${status}`} title={meaning} data-status={status}>
      <span aria-hidden="true">{mark}</span> {label}
      {reason === undefined ? null : <bdi>: {reason}</bdi>}
    </span>
  );
}
