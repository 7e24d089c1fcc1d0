/** Text people read: no control characters, which some databases and terminals choke on. */
export const TEXT_PATTERN = "^[^\\u0000-\\u0008]*$";
/** A link to show: nothing that a browser would run. */
export const HTTP_URL_PATTERN = "^https?://[^\\s<>\"']+$";
/** Of an endpoint's secret, as Svix's contract has it; what may sign is judged after. */
export const SECRET_PATTERN = "^(whsec_|whsk_|whsk1_|whpk_|whpk1_)?[a-zA-Z0-9+/=]{32,100}$";

/** An id: prefix and 27 base-62 characters. */
export function idPattern(prefix: string): string {
  return `^${prefix}[A-Za-z0-9]{27}$`;
}

/** A place in a list: an id, with `-` before it to go backwards. */
export function iteratorPattern(prefix: string): string {
  return `^-?${prefix}[A-Za-z0-9]{27}$`;
}
