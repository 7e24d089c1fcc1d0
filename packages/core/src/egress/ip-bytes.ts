import { isIPv4, isIPv6 } from "node:net";

/** The 4 or 16 bytes of an address in text, null for anything else (a zone id counts as anything else). */
export function ipBytes(address: string): Uint8Array | null {
  if (isIPv4(address)) return Uint8Array.from(address.split("."), Number);
  if (!isIPv6(address) || address.includes("%")) return null;
  const [head = "", tail] = address.split("::");
  const left = groupBytes(head);
  if (tail === undefined) return Uint8Array.from(left);
  const right = groupBytes(tail);
  const bytes = new Uint8Array(16);
  bytes.set(left, 0);
  bytes.set(right, 16 - right.length);
  return bytes;
}

/** The bytes of `a:b:c` or `a:b:1.2.3.4`; isIPv6 has checked the form. */
function groupBytes(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (group.includes(".")) return group.split(".").map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
