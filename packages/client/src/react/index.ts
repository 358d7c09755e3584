export { HoldfastProvider, useHoldfast } from "./provider.ts";
export { useConnection, useSession, useSessionPart, type SessionInUse } from "./use-session.ts";
