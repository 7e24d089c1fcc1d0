/**
 * The default for `now`, in milliseconds since the Unix epoch. This is the only place in the package that
 * reads a clock, so a test or another runtime can replace time completely.
 */
export function systemNow(): number {
  return Date.now();
}
