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

test("everybody begins with the same session", () => {
  expect(list.saved.get()).toEqual([{ name: "main" }]);
});

test("a new session comes first, under a name of its own", () => {
  const name = list.add();
  expect(list.saved.get()[0]).toEqual({ name });
  expect(list.add()).not.toBe(name);
  expect(list.saved.get()).toHaveLength(3);
});

test("a session that a link names is taken into the list once", () => {
  list.admit("main");
  list.admit("from-a-link");
  list.admit("from-a-link");
  expect(list.saved.get().map((entry) => entry.name)).toEqual(["from-a-link", "main"]);
});

test("a session is called after its first message, unless somebody named it", () => {
  list.nameAfter("main", "  Where to go in Brest?\nAnd when?");
  expect(titles()).toEqual(["Where to go in Brest?"]);
  list.nameAfter("main", "Another message");
  list.rename("main", "   ");
  expect(titles()).toEqual(["Where to go in Brest?"]);
  list.rename("main", " Brest ");
  expect(titles()).toEqual(["Brest"]);
});

test("a long first message is cut", () => {
  list.nameAfter("main", "x".repeat(41));
  expect(titles()).toEqual([`${"x".repeat(39)}…`]);
});

test("whoever is subscribed hears of every change", () => {
  vi.stubGlobal("window", new EventTarget());
  let changes = 0;
  const stop = list.saved.subscribe(() => changes++);
  list.add();
  list.rename("main", "Renamed");
  stop();
  list.add();
  expect(changes).toBe(2);
});
