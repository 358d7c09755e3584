import { expect, test } from "vitest";
import { addressOf, placeOf } from "./session-address.ts";

test.for(["", "#", "#/", "#/?agent=echo"])("%j is the page of all conversations", (hash) => {
  expect(placeOf(hash)).toEqual({ at: "start" });
});

test.for([
  ["main", undefined],
  ["a:b=c|d@e~f+g", "echo"],
  ["..", "a|b"],
] as const)("the address of %s and agent %s leads back to it", ([name, agent]) => {
  expect(placeOf(addressOf(name, agent))).toEqual({ at: "session", name, agent });
});

test.for([
  "#/%E0%A4%A",
  "#/%",
  "#/two words",
  "#/a/b",
  "#/__proto__",
  `#/${"x".repeat(129)}`,
  "#/ok?agent=two%20words",
])("%s names no conversation", (hash) => {
  expect(placeOf(hash)).toEqual({ at: "nowhere" });
});
