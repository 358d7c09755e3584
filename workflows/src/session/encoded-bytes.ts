const encoder = new TextEncoder();

/** UTF-8 bytes of a text: what Temporal's payload limits and LIMITS count. */
export function encodedBytes(text: string): number {
  return encoder.encode(text).byteLength;
}
