import { expect, test } from "vitest";
import { resolveOptions } from "./options.ts";

const token = (): string => "t";

test("connect-1: only the origin of a URL counts", () => {
  expect(resolveOptions({ url: ["https://edge.example/app?x=1", "ws://127.0.0.1:4001"], token }).urls).toEqual([
    "https://edge.example",
    "ws://127.0.0.1:4001",
  ]);
});

test("a list without edges, text that is no URL and a foreign scheme are the programmer's errors", () => {
  expect(() => resolveOptions({ url: [], token })).toThrow(TypeError);
  expect(() => resolveOptions({ url: "edge", token })).toThrow("`edge` is not a URL");
  expect(() => resolveOptions({ url: "ftp://edge", token })).toThrow("neither HTTP nor WebSocket");
});
