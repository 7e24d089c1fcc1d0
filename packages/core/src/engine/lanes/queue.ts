/** First in, first out, without moving what is behind the head: `shift` on a long array is linear. */
export class Queue<Item> {
  #items: (Item | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  peek(): Item | undefined {
    return this.#items[this.#head];
  }

  shift(): Item | undefined {
    const item = this.#items[this.#head];
    if (this.#head >= this.#items.length) return undefined;
    this.#items[this.#head++] = undefined;
    // Half of it is holes: copy the rest once, so each item is moved at most once on average.
    if (this.#head > 32 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Keeps the first `count`, removes and returns the rest, in order. */
  truncate(count: number): Item[] {
    const rest = this.#items.splice(this.#head + Math.max(0, count));
    return rest.filter((item) => item !== undefined);
  }

  /** Empties it and returns what was in it, in order. */
  drain(): Item[] {
    return this.truncate(0);
  }
}
