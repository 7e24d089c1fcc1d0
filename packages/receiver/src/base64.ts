/**
 * Standard base64 over bytes, on `atob` and `btoa`: the only base64 that every runtime with WebCrypto has.
 */
const ALPHABET_AND_PADDING = /^[A-Za-z0-9+/]*={0,2}$/;

export function encodeBase64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/**
 * The bytes, or undefined if the text is not standard base64. Missing padding is fine, as it is in the
 * Python library of Standard Webhooks; spaces, which `atob` would skip, are not.
 */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!ALPHABET_AND_PADDING.test(text)) return undefined;
  const unpadded = text.replace(/=+$/, "");
  // A lone last character carries only six bits: not a byte.
  if (unpadded.length % 4 === 1) return undefined;
  const binary = atob(unpadded);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}
