import type { ReactNode } from "react";
import { cut } from "./plain-text.ts";
import { Flash } from "./flash.tsx";

/** What is nested deeper, or longer, is shown as JSON, or cut: this is to be looked at, not to be complete. */
const DEEPEST = 4;
const MOST = 50;
const LONGEST = 500;

/** Any JSON object as names and values. Values of the first level flash when they change. */
export function StateView({ state }: { state: { readonly [member: string]: unknown } }) {
  return (
    <dl className="facts state">
      {Object.entries(state)
        .slice(0, MOST)
        .map(([name, value]) => (
          <Member key={name} name={name}>
            <Flash of={JSON.stringify(value) ?? ""}>
              <Value value={value} depth={1} />
            </Flash>
          </Member>
        ))}
      <More count={Object.keys(state).length} />
    </dl>
  );
}

/** Any JSON value, like the value of a member. */
export function StateValue({ value }: { value: unknown }) {
  return (
    <div className="state">
      <Value value={value} depth={1} />
    </div>
  );
}

function Member({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>
        <bdi>{cut(name, LONGEST)}</bdi>
      </dt>
      <dd>{children}</dd>
    </>
  );
}

function Value({ value, depth }: { value: unknown; depth: number }): ReactNode {
  if (typeof value === "string") return value === "" ? <Muted>empty</Muted> : <Text text={value} />;
  if (value === null || value === undefined) return <Muted>none</Muted>;
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return value;
  if (typeof value !== "object") return <Muted>unknown</Muted>;
  if (depth >= DEEPEST) return <Text text={JSON.stringify(value)} />;
  if (Array.isArray(value)) return <List items={value} depth={depth + 1} />;
  const members = Object.entries(value);
  if (members.length === 0) return <Muted>empty</Muted>;
  return (
    <dl className="facts">
      {members.slice(0, MOST).map(([name, member]) => (
        <Member key={name} name={name}>
          <Value value={member} depth={depth + 1} />
        </Member>
      ))}
      <More count={members.length} />
    </dl>
  );
}

function List({ items, depth }: { items: readonly unknown[]; depth: number }) {
  if (items.length === 0) return <Muted>none</Muted>;
  return (
    <ul>
      {items.slice(0, MOST).map((item, place) => (
        <li key={place}>
          <Value value={item} depth={depth} />
        </li>
      ))}
      {items.length > MOST ? <li className="muted">and {items.length - MOST} more</li> : null}
    </ul>
  );
}

function Text({ text }: { text: string }) {
  const shown = cut(text, LONGEST);
  return (
    <bdi lang="">
      {shown}
      {shown.length < text.length ? "…" : ""}
    </bdi>
  );
}

function Muted({ children }: { children: ReactNode }) {
  return <span className="muted">{children}</span>;
}

/** For what a `dl` leaves out. */
function More({ count }: { count: number }) {
  if (count <= MOST) return null;
  return (
    <>
      <dt>…</dt>
      <dd className="muted">and {count - MOST} more</dd>
    </>
  );
}
