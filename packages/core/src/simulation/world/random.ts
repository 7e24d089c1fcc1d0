/** A small, fast generator with a period of 2^128: everything that a seed decides is drawn from one of these. */
export class SeededRandom {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    // Neighbouring seeds must not give neighbouring streams, so the state is mixed before it is used.
    this.#a = mix(seed);
    this.#b = mix(seed ^ 0x5bd1e995);
    this.#c = mix(Math.floor(seed / 2 ** 32) + 0x2545f491);
    this.#d = 1;
    for (let round = 0; round < 12; round++) this.next();
  }

  /** 32 uniform bits (sfc32). */
  next(): number {
    const sum = (this.#a + this.#b + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum >>> 0;
  }

  /** Uniform in [0, 1). */
  unit(): number {
    return this.next() / 2 ** 32;
  }

  /** A whole number, both ends included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.unit() * (max - min + 1));
  }

  /** A duration in milliseconds, with fractions. */
  between(min: number, max: number): number {
    return min + this.unit() * (max - min);
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  pick<Item>(items: readonly [Item, ...Item[]]): Item {
    return items[this.int(0, items.length - 1)] ?? items[0];
  }

  /** One of the keys, each as likely as its weight. */
  weighted<Key extends string>(weights: Readonly<Record<Key, number>>): Key {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of the record
    const entries = Object.entries(weights) as [Key, number][];
    let rest = this.unit() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [key, weight] of entries) {
      rest -= weight;
      if (rest < 0) return key;
    }
    throw new Error("nothing to choose from");
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count; at++) bytes[at] = this.next() & 255;
    return bytes;
  }

  /** Another stream: what is drawn from it does not move this one. */
  fork(): SeededRandom {
    return new SeededRandom(this.next());
  }
}

function mix(value: number): number {
  let mixed = (value ^ 0x9e3779b9) | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
