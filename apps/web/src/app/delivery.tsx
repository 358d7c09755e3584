import type { PendingInput } from "@holdfast/client";

/** How far up the ack ladder a message is (SPEC §6). */
type DeliveryStatus = PendingInput["status"] | "applied";

const MEANING: Record<DeliveryStatus, { mark: string; label: string; meaning: string }> = {
  sending: { mark: "○", label: "sending", meaning: "Kept in this browser and sent until the server has it" },
  durable: { mark: "✓", label: "durable", meaning: "Persisted: it will be answered, whatever breaks" },
  applied: { mark: "✓✓", label: "applied", meaning: "The agent has taken it" },
  refused: { mark: "✕", label: "refused", meaning: "The server will never take it" },
};

/** The status of one message, as a mark and a word. */
export function Delivery({ status, reason }: { status: DeliveryStatus; reason?: string | undefined }) {
  const { mark, label, meaning } = MEANING[status];
  return (
    <span className={`delivery delivery-${status}`} title={meaning} data-status={status}>
      <span aria-hidden="true">{mark}</span> {label}
      {reason === undefined ? "" : `: ${reason}`}
    </span>
  );
}
