export * from "./json-text.ts";
export * from "./log-frame.ts";
export * from "./snapshot-text.ts";
export * from "./temporal.ts";
