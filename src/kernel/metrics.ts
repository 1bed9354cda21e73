import { Counter, Gauge, Histogram, Registry } from 'prom-client'

/**
 * One registry per process, made at start and passed in. Names are `regista_<noun>_<unit>`;
 * labels come from configuration (sync, target), never from keys, so that cardinality is bounded.
 */
export interface Metrics {
  counter<L extends string>(name: string, help: string, labels?: readonly L[]): Counter<L>
  /** `collect` is called at each scrape. */
  gauge<L extends string>(
    name: string,
    help: string,
    labels?: readonly L[],
    collect?: (gauge: Gauge<L>) => void | Promise<void>,
  ): Gauge<L>
  histogram<L extends string>(
    name: string,
    help: string,
    labels?: readonly L[],
    buckets?: readonly number[],
  ): Histogram<L>
  text(): Promise<string>
  readonly contentType: string
}

export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  return {
    counter: <L extends string>(name: string, help: string, labels: readonly L[] = []) =>
      new Counter<L>({ name, help, labelNames: labels, registers }),
    gauge: <L extends string>(
      name: string,
      help: string,
      labels: readonly L[] = [],
      collect?: (gauge: Gauge<L>) => void | Promise<void>,
    ) =>
      new Gauge<L>({
        name,
        help,
        labelNames: labels,
        registers,
        ...(collect && {
          collect(this: Gauge<L>) {
            return collect(this)
          },
        }),
      }),
    histogram: <L extends string>(name: string, help: string, labels: readonly L[] = [], buckets?: readonly number[]) =>
      new Histogram<L>({ name, help, labelNames: labels, registers, ...(buckets && { buckets: [...buckets] }) }),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}
