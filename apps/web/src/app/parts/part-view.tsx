import type { DataPart, File, Part, Question } from "@holdfast/contract";
import { memo, type ReactNode } from "react";
import { Fold } from "../fold.tsx";
import { Markdown } from "../markdown/markdown.tsx";
import { GivenName, givenName } from "../given-name.tsx";
import { useMe } from "../me.ts";
import { addressOf } from "../session-address.ts";
import { isName } from "../identity.ts";
import { StateValue } from "../state-view.tsx";
import { SourceView } from "./source-view.tsx";
import { ToolCall } from "./tool-call.tsx";

interface PartViewProps {
  part: Part;
  /** The turn adds to it. */
  isGrowing: boolean;
  /** The turn has not ended. */
  isRunning: boolean;
  /** An open question about it. */
  question: Question | undefined;
}

/** One part of a step. Memoized: a part is another object once it has changed. */
export const PartView = memo(function PartView({ part, isGrowing, isRunning, question }: PartViewProps): ReactNode {
  switch (part.type) {
    case "text":
      return part.text === "" ? null : <Markdown text={part.text} isWhole={!isGrowing} />;
    case "reasoning":
      // Of an old turn nothing is left of it.
      if (part.text === "" && !isGrowing) return null;
      return (
        <Fold className="part reasoning" summary={isGrowing ? "Thinking…" : "Thoughts"}>
          <Markdown text={part.text} isWhole={!isGrowing} />
        </Fold>
      );
    case "tool":
      return <ToolCall tool={part} isRunning={isRunning} question={question} />;
    case "data":
      return <Data data={part} />;
    case "source":
      return <SourceView source={part} />;
    case "file":
      return <FileView file={part} />;
    case "child":
      return <Child child={part} isRunning={isRunning} />;
  }
});

function Data({ data: { name, value } }: { data: DataPart }) {
  // Of an old turn its name is left.
  if (value === null) {
    return (
      <p className="part muted">
        Data: <GivenName name={name} />
      </p>
    );
  }
  return (
    <Fold
      className="part data"
      summary={
        <>
          Data: <GivenName name={name} />
        </>
      }
    >
      <StateValue value={value} />
    </Fold>
  );
}

/** A file that was sent or made. It cannot be fetched from this page yet. */
export function FileView({ file: { name, mediaType, bytes } }: { file: File }) {
  return (
    <p className="part file">
      <span className="muted">File: </span>
      <GivenName name={name} /> <span className="muted">{`${givenName(mediaType)}, ${sizeOf(bytes)}`}</span>
    </p>
  );
}

const UNITS = ["bytes", "KB", "MB", "GB", "TB"];

export function sizeOf(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < UNITS.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${UNITS[unit]}`;
}

const CHILD_STATES = { running: "at work…", done: "done", failed: "failed", stopped: "stopped" } as const;

function Child({ child, isRunning }: { child: Extract<Part, { type: "child" }>; isRunning: boolean }) {
  const { session, agent, state, text } = child;
  const me = useMe();
  const name = session.startsWith(`${me}/`) ? session.slice(me.length + 1) : session;
  const words = state === "running" && !isRunning ? "not finished" : CHILD_STATES[state];
  return (
    <div className="part child" data-state={state}>
      <p className="part-head">
        <span>
          <span aria-hidden="true">⤷ </span>
          Agent{" "}
          <strong>
            <GivenName name={agent} />
          </strong>
          : {words}
        </span>
        {isName(name) && isName(agent) ? <a href={addressOf(name, agent)}>Open its conversation</a> : null}
      </p>
      {text === "" ? null : (
        <Fold summary="What it said">
          <Markdown text={text} isWhole={state !== "running"} />
        </Fold>
      )}
    </div>
  );
}
