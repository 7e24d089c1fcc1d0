/** What happened, as one number: two runs that did the same things in the same order have the same. */
export class Trace {
  #high = 0x811c9dc5;
  #low = 0x1b873593;
  readonly #lines: string[] | null;

  constructor({ keepLines }: { keepLines: boolean }) {
    this.#lines = keepLines ? [] : null;
  }

  /** For reading; empty unless they are kept. */
  get lines(): readonly string[] {
    return this.#lines ?? [];
  }

  get hash(): string {
    return (this.#high >>> 0).toString(16).padStart(8, "0") + (this.#low >>> 0).toString(16).padStart(8, "0");
  }

  add(at: number, who: string, what: string): void {
    // Microseconds: the time is a sum of fractions, and only their sum is looked at.
    this.#mix(Math.round(at * 1_000));
    this.#text(who);
    this.#text(what);
    this.#lines?.push(`${at.toFixed(3).padStart(12)}  ${who.padEnd(6)}  ${what}`);
  }

  #text(text: string): void {
    for (let at = 0; at < text.length; at++) this.#mix(text.charCodeAt(at));
  }

  #mix(value: number): void {
    this.#high = Math.imul(this.#high ^ value, 0x01000193);
    this.#low = Math.imul(this.#low ^ value ^ (this.#high >>> 13), 0x85ebca6b);
  }
}
