import type { Metric, Registry } from "prom-client";

/**
 * A histogram without labels that prints as prom-client's own does. That one looks its labels up, checks them and makes
 * a closure for each value: with a few values for each event more than signing it costs.
 */
export class PlainHistogram {
  readonly type = "histogram";
  readonly aggregator = "sum";
  readonly name: string;
  readonly help: string;
  /** Upper bounds, ascending. */
  readonly #bounds: readonly number[];
  /** Of each bound, and of what is above them all. */
  readonly #counts: number[];
  #sum = 0;

  constructor(options: { name: string; help: string; bounds: readonly number[]; registry: Registry }) {
    this.name = options.name;
    this.help = options.help;
    this.#bounds = options.bounds;
    this.#counts = [...options.bounds.map(() => 0), 0];
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a registry asks a metric for its name and `get` only
    options.registry.registerMetric(this as unknown as Metric);
  }

  observe(value: number): void {
    let place = 0;
    while (place < this.#bounds.length && value > (this.#bounds[place] ?? 0)) place += 1;
    this.#counts[place] = (this.#counts[place] ?? 0) + 1;
    this.#sum += value;
  }

  /** What a registry prints. */
  async get(): Promise<object> {
    const { name, help, type, aggregator } = this;
    let count = 0;
    const buckets = this.#counts.map((own, place) => {
      count += own;
      return { metricName: `${name}_bucket`, labels: { le: this.#bounds[place] ?? "+Inf" }, value: count };
    });
    const totals = [
      { metricName: `${name}_sum`, labels: {}, value: this.#sum },
      { metricName: `${name}_count`, labels: {}, value: count },
    ];
    return { name, help, type, aggregator, values: [...buckets, ...totals] };
  }
}
