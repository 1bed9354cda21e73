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
  /**
   * Computed as a whole at each scrape, for what is counted elsewhere: on hot paths, or in columns. `untyped`: a name
   * that was given, and has the suffix of another type. Where `collect` fails, the metric has no values.
   */
  computed(
    name: string,
    help: string,
    type: 'counter' | 'gauge' | 'histogram' | 'untyped',
    collect: () => Computed[] | Promise<Computed[]>,
  ): void
  text(): Promise<string>
  readonly contentType: string
}

export interface Computed {
  /** Of histograms: '_bucket', '_sum', '_count'. */
  readonly suffix?: '_bucket' | '_sum' | '_count'
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
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
    computed(name, help, type, collect) {
      const get = async () => {
        const values = await Promise.resolve()
          .then(collect)
          .catch(() => [])
        return {
          name,
          help,
          type,
          values: values.map(({ suffix = '', ...one }) => ({ ...one, metricName: name + suffix })),
        }
      }
      // All that the library asks of a metric; its declarations know only its own classes.
      registry.registerMetric({ name, get } as unknown as Gauge)
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}
