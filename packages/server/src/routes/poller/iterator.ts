/** A position in an application's order of polling, as clients carry it. */
export const ITERATOR_PATTERN = "^p[0-9]{1,15}$";
export const FIRST_ITERATOR = "p0";

export function toIterator(position: number): string {
  return `p${position}`;
}

export function fromIterator(iterator: string): number {
  return Number(iterator.slice(1));
}
