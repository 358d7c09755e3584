import { createElement, type ReactNode } from "react";
import { renderToString } from "react-dom/server";
import { expect, test } from "vitest";
import { connect } from "./client.ts";
import { HoldfastProvider, useConnection, useSession, useSessionPart } from "./react.ts";

function Chat(): ReactNode {
  const { view, session } = useSession<{ mood: string }>("chat", { agent: "concierge" });
  const turns = useSessionPart(session, ({ turns: all }) => all.length);
  return createElement(
    "p",
    null,
    `${useConnection().state} ${view.delivery.state} ${turns} ${view.state.mood ?? "none"}`,
  );
}

test("a server renders the initial view, asks for no token and connects nothing", () => {
  let asked = 0;
  const client = connect({
    url: "http://127.0.0.1:1",
    token: () => {
      asked++;
      return "t";
    },
  });
  const page = createElement(HoldfastProvider, { client }, createElement(Chat));
  expect(renderToString(page)).toBe("<p>idle idle 0 none</p>");
  expect(asked).toBe(0);
  expect(client.connection.state).toBe("idle");
});

test("a hook outside of a provider says what is missing", () => {
  expect(() => renderToString(createElement(Chat))).toThrow("HoldfastProvider");
});
