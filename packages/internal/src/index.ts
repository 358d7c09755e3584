export * from "./log-frame.ts";
export * from "./temporal.ts";
