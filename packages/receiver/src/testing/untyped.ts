/**
 * `value` with the type of `example`, whatever it really is: as a caller without a type checker may pass it.
 */
export function untyped<Claimed>(value: unknown, example: Claimed): Claimed;
export function untyped(value: unknown): unknown {
  return value;
}
