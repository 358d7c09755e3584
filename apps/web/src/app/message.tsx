import type { File, Origin } from "@holdfast/contract";
import type { ReactNode } from "react";
import { CopyButton } from "./copy-button.tsx";
import { GivenName, givenName } from "./given-name.tsx";
import { GrowingText } from "./markdown/growing-text.tsx";
import { useMe } from "./me.ts";
import { FileView } from "./parts/part-view.tsx";

interface MessageProps {
  text: string;
  files?: readonly File[] | undefined;
  /** The subject that said it. */
  by: string;
  origin: Origin;
  /** Shown under the text: how far its delivery is. */
  footer: ReactNode;
}

/** What somebody said to the agent, to the letter: each line in the direction of its own words. */
export function Message({ text, files = [], by, origin, footer }: MessageProps) {
  const me = useMe();
  const isMine = by === me && origin === "user";
  const speaker = speakerOf(by, origin);
  return (
    <div className={isMine ? "message message-user" : "message message-user message-other"}>
      {isMine ? (
        <span className="visually-hidden">You said: </span>
      ) : (
        <p className="speaker">
          <GivenName name={speaker} />
          <span className="visually-hidden"> said: </span>
        </p>
      )}
      <div className="bubble" dir="auto" lang="">
        <GrowingText text={text} />
        {files.map((file) => (
          <FileView key={file.blob} file={file} />
        ))}
      </div>
      <div className="message-footer">
        {footer}
        <CopyButton text={text} what={isMine ? "your message" : `the message of ${givenName(speaker)}`} />
      </div>
    </div>
  );
}

/** What made an input, where no person did, and for whom. */
const ORIGINS: Record<Exclude<Origin, "user">, string> = {
  backend: "A service",
  schedule: "A schedule",
  webhook: "A webhook",
  child: "Another agent",
  observe: "Something observed",
};

function speakerOf(by: string, origin: Origin): string {
  return origin === "user" ? by : `${ORIGINS[origin]} (${by})`;
}
