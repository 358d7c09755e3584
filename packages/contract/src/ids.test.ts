import { expect, test } from "vitest";
import { NAME_PATTERN, parseSessionRef, sessionPath, workflowIdOf } from "./ids.ts";

const caller = { tenant: "acme", subject: "ada" };

test("ids-1: a name has 1 to 128 characters of a set without those that delimit names", () => {
  for (const name of ["a", "A-Z_0.9~@:+=|", "ada@example.org", "auth0|5f", "x".repeat(128)]) {
    expect(NAME_PATTERN.test(name)).toBe(true);
  }
  for (const name of ["", "x".repeat(129), "a/b", "{a}", "a b", "a\n", "ä", "a,b", "*", "a%2Fb", "\u0000", "a#"]) {
    expect(NAME_PATTERN.test(name)).toBe(false);
  }
});

test("ids-2: a name alone is the caller's session, owner/name another's", () => {
  expect(parseSessionRef("chat", caller)).toEqual({ tenant: "acme", owner: "ada", name: "chat" });
  expect(parseSessionRef("bob/chat", caller)).toEqual({ tenant: "acme", owner: "bob", name: "chat" });
});

test("ids-2: what is neither is refused, and nobody names another tenant", () => {
  for (const ref of [
    "",
    "/",
    "a/",
    "/a",
    "a/b/c",
    "evil/bob/chat",
    "a b",
    "a/b c",
    "../x/y",
    "x".repeat(129),
    "a/{b}",
  ]) {
    expect(parseSessionRef(ref, caller)).toBeUndefined();
  }
});

test("ids-1: two sessions never share a path or a workflow", () => {
  const paths = ["a", "b"].flatMap((tenant) =>
    ["a", "a-b", "b"].flatMap((owner) => ["a", "b", "a-b"].map((name) => sessionPath({ tenant, owner, name }))),
  );
  expect(new Set(paths).size).toBe(paths.length);
  expect(workflowIdOf({ tenant: "acme", owner: "ada", name: "chat" })).toBe("session/acme/ada/chat");
});
