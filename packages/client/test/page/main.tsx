import { createStore, keys } from "idb-keyval";
import { StrictMode, useLayoutEffect, type ReactNode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { connect, indexedDbStorage, textOf, type SessionView } from "../../src/index.ts";
import { HoldfastProvider, useSession, useSessionPart } from "../../src/react.ts";
import type { PageHandle } from "./handle.ts";

/** What the test asks for, in the page's address. */
const query = new URLSearchParams(location.search);
const scope = query.get("scope") ?? "nobody";

const client = connect({
  url: query.get("edge") ?? "/",
  token: () => "a token",
  storage: indexedDbStorage({ scope }),
  random: () => 0.5,
  bounds: {
    backoffBaseMs: Number(query.get("backoff") ?? 20),
    backoffMaxMs: 600_000,
    lingerMs: 50,
    adoptEveryMs: 100,
    requestTimeoutMs: 10_000,
    probeTimeoutMs: Number(query.get("probe") ?? 10_000),
  },
});

/** Renders in which two components showed different moments of the session. */
let torn = 0;
let commits = 0;
let frames = 0;
requestAnimationFrame(function count() {
  frames++;
  requestAnimationFrame(count);
});

const momentOf = (view: SessionView<object>): string => `${view.version}.${view.running?.index ?? 0}`;

function Chat(): ReactNode {
  const { view, session } = useSession<{ mood: string }>("chat", { agent: "echo" });
  useLayoutEffect(() => {
    const moments = [...document.querySelectorAll("[data-moment]")].map((element) =>
      element.getAttribute("data-moment"),
    );
    if (new Set(moments).size > 1) torn++;
    commits++;
  });
  const inputs = [...view.turns.flatMap((turn) => turn.inputs), ...(view.running?.inputs ?? [])];
  return (
    <main data-moment={momentOf(view)}>
      <p id="delivery">{view.delivery.state}</p>
      <ul id="inputs">
        {inputs.map((input) => (
          <li key={`${input.producer}/${input.seq}`}>{input.text}</li>
        ))}
        {view.pending.map((input) => (
          <li key={`${input.producer}/${input.seq}`} data-status={input.status}>
            {input.text}
          </li>
        ))}
      </ul>
      <p id="running">{view.running && textOf(view.running)}</p>
      <p id="mood">{view.state.mood}</p>
      <button type="button" onClick={() => session.send("from the button")}>
        Send
      </button>
      <Turns />
    </main>
  );
}

/** A second reader of the same session: what it shows must be of the same moment. */
function Turns(): ReactNode {
  const { session, view } = useSession("chat");
  const turns = useSessionPart(session, (part) => part.turns);
  return (
    <ol id="turns" data-moment={momentOf(view)}>
      {turns.map((turn) => (
        <li key={turn.turn}>{textOf(turn)}</li>
      ))}
    </ol>
  );
}

let root: Root | undefined;
const store = createStore(`holdfast-outbox/${scope}`, "events");

const handle: PageHandle = {
  torn: () => torn,
  rendered: () => ({ commits, frames }),
  send: (text) => void client.session("chat", { lazy: true }).send(text),
  stored: async () => (await keys(store)).length,
  connection: () => client.connection.state,
  pending: () =>
    client
      .session("chat", { lazy: true })
      .get()
      .pending.map((input) => `${input.text} ${input.status}`),
  open: () => void client.session("chat"),
  history: (limit) => client.session("chat", { lazy: true }).history({ limit }),
  mount: () => {
    commits = frames = 0;
    root = createRoot(document.body.querySelector("#root") ?? document.body);
    root.render(
      <StrictMode>
        <HoldfastProvider client={client}>
          <Chat />
        </HoldfastProvider>
      </StrictMode>,
    );
  },
  unmount: () => root?.unmount(),
};
Object.assign(globalThis, { handle });
