/**
 * 128 random bits in hexadecimal, a valid name by SPEC ids-1. Not `crypto.randomUUID`: browsers offer that on secure
 * origins only, and a phone that opens a development server by its address is not on one.
 */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
