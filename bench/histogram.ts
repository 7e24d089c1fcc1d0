/** Each power of two is cut into this many steps: a quantile is at most 1.6 % off. */
const STEPS = 64;
const STEP_BITS = 6;
/** 2^36 µs is 19 hours: nothing measured here is longer. */
const OCTAVES = 36;

export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Counts of microseconds in buckets that grow with the value: recording is a few instructions, memory is fixed. */
export class Histogram {
  readonly #buckets = new Uint32Array(OCTAVES * STEPS);
  #count = 0;
  #max = 0;

  record(micros: number): void {
    const value = micros < 0 ? 0 : Math.floor(micros);
    this.#buckets[bucketOf(value)]! += 1;
    this.#count += 1;
    if (value > this.#max) this.#max = value;
  }

  reset(): void {
    this.#buckets.fill(0);
    this.#count = 0;
    this.#max = 0;
  }

  /** Microseconds. */
  quantile(part: number): number {
    const rank = Math.ceil(this.#count * part);
    let seen = 0;
    for (let index = 0; index < this.#buckets.length; index += 1) {
      seen += this.#buckets[index]!;
      if (seen >= rank && seen > 0) return Math.min(upperBoundOf(index), this.#max);
    }
    return this.#max;
  }

  /** Milliseconds. */
  quantiles(): Quantiles {
    return { p50: this.quantile(0.5) / 1000, p99: this.quantile(0.99) / 1000, max: this.#max / 1000 };
  }
}

function bucketOf(value: number): number {
  if (value < STEPS) return value;
  const octave = Math.floor(Math.log2(value));
  const step = Math.floor(value / 2 ** (octave - STEP_BITS)) - STEPS;
  return Math.min((octave - STEP_BITS + 1) * STEPS + step, OCTAVES * STEPS - 1);
}

function upperBoundOf(index: number): number {
  if (index < STEPS) return index;
  const octave = Math.floor(index / STEPS) - 1 + STEP_BITS;
  const step = (index % STEPS) + STEPS;
  return (step + 1) * 2 ** (octave - STEP_BITS) - 1;
}
