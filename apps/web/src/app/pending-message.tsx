import type { PendingInput } from "@holdfast/client";
import { Delivery } from "./delivery.tsx";
import { useMe } from "./me.ts";
import { Message } from "./message.tsx";

interface PendingMessageProps {
  message: PendingInput;
  onDismiss: (message: PendingInput) => void;
}

/** A message of this browser that no turn has taken yet, or ever will. */
export function PendingMessage({ message, onDismiss }: PendingMessageProps) {
  const { text, status, error } = message;
  const footer = (
    <>
      <Delivery status={status} reason={error?.message} />
      {status === "refused" ? (
        <button type="button" className="quiet" onClick={() => onDismiss(message)}>
          Dismiss
        </button>
      ) : null}
    </>
  );
  return <Message text={text} by={useMe()} origin="user" footer={footer} />;
}
