import type { HoldfastError } from "@holdfast/client";
import { START_ADDRESS } from "./session-address.ts";

/** Why a conversation, or the whole service, does not open; and what one can do. */
export function Refusal({ error, onRetry }: { error: HoldfastError; onRetry?: () => void }) {
  const { title, advice } = WORDS.get(error.code) ?? {
    title: "This conversation does not open.",
    advice: "Try again later, or tell whoever runs this service.",
  };
  return (
    <div className="outcome outcome-failed" role="alert">
      <p>
        <strong>{title}</strong> {advice}
      </p>
      <details>
        <summary>Details for whoever runs this service</summary>
        <p dir="auto">
          {error.code}: {error.message}
        </p>
      </details>
      {onRetry === undefined ? (
        <a href={START_ADDRESS}>All conversations</a>
      ) : (
        <button type="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

const WORDS: ReadonlyMap<string, { title: string; advice: string }> = new Map(
  Object.entries({
    unknown_agent: {
      title: "There is no such agent here.",
      advice: "Check the agent's name in the address.",
    },
    forbidden: {
      title: "This conversation is somebody else's.",
      advice: "Sign in as the person it belongs to, or ask to be let in.",
    },
    unauthenticated: { title: "Your sign-in is not accepted.", advice: "Sign out and in again." },
    token_expired: { title: "Your sign-in has run out.", advice: "Try again, or sign out and in again." },
    token_unavailable: {
      title: "Your sign-in could not be renewed.",
      advice: "Check that the service runs, and try again.",
    },
    origin_refused: {
      title: "The service does not accept this page's address.",
      advice: "Open the page by the address it was given out under.",
    },
    protocol_unsupported: { title: "This page is of another release than the service.", advice: "Reload the page." },
  }),
);
