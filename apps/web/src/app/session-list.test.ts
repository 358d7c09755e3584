import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SessionList, titleOf } from "./session-list.ts";

// There is no localStorage here: what holds in memory must hold where a browser blocks its storage.
let list: SessionList;
beforeEach(() => {
  list = new SessionList({ tenant: "acme", subject: "ada" });
});

afterEach(() => vi.unstubAllGlobals());

function titles(): string[] {
  return list.saved.get().map(titleOf);
}

test("a conversation is listed once something was said in it, the newest first", () => {
  expect(list.saved.get()).toEqual([]);
  expect(list.newName()).not.toBe(list.newName());
  list.said("one", undefined, "First");
  list.said("two", "echo", "Second");
  list.said("one", undefined, "Third");
  expect(list.saved.get().map(({ name, agent }) => [name, agent])).toEqual([
    ["one", undefined],
    ["two", "echo"],
  ]);
});

test("a conversation is called after its first message, unless somebody named it", () => {
  list.said("main", undefined, "  Where to go in Brest?\nAnd when?");
  list.said("main", undefined, "Another message");
  list.rename("main", "   ");
  expect(titles()).toEqual(["Where to go in Brest?"]);
  list.rename("main", " Brest ");
  expect(titles()).toEqual(["Brest"]);
});

test("a long first message is cut, but not within a character", () => {
  list.said("main", undefined, "x".repeat(41));
  expect(titles()).toEqual([`${"x".repeat(39)}…`]);
  list.said("other", undefined, "👩‍👩‍👧‍👦".repeat(9));
  expect(titles()[0]).toBe(`${"👩‍👩‍👧‍👦".repeat(3)}…`);
});

test("a message with nothing to see in it gives no title", () => {
  list.said("main", undefined, "\u200B\u200B");
  expect(titles()).toEqual(["Untitled conversation"]);
});

test("what was taken off the list comes back where it was", () => {
  for (const name of ["a", "b", "c"]) list.said(name, undefined, name);
  const removed = list.remove("b");
  expect(titles()).toEqual(["c", "a"]);
  expect(list.remove("b")).toBeUndefined();
  if (removed !== undefined) list.restore(removed);
  expect(titles()).toEqual(["c", "b", "a"]);
});

test("after a sign-out no words of a conversation stay, and they come back when it is seen again", () => {
  list.said("main", undefined, "A secret");
  list.forgetTitles();
  expect(JSON.stringify(list.saved.get())).not.toContain("secret");
  list.seen("main", undefined, "A secret");
  list.seen("main", undefined, "Not the first");
  list.seen("from-a-link", undefined, "Hello");
  expect(titles()).toEqual(["Hello", "A secret"]);
});

test("whoever is subscribed hears of every change", () => {
  vi.stubGlobal("window", new EventTarget());
  let changes = 0;
  const stop = list.saved.subscribe(() => changes++);
  list.said("main", undefined, "Hello");
  list.rename("main", "Renamed");
  stop();
  list.said("main", undefined, "Hello");
  expect(changes).toBe(2);
});
