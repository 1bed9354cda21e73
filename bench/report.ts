/** What a bench file exports, and how it reports. One JSON line per figure, see bench/run.ts. */
export interface Figure {
  /** Further figures of one bench are lines of their own, `<bench>.<figure>`. */
  readonly figure?: string
  readonly value: number
  readonly unit: string
  /** The original's, the peer's or the bare implementation's value, measured in the same run. */
  readonly baseline?: number
  /** Default: value / baseline. */
  readonly ratio?: number
  /** The promise. A missed one makes the run end with 1. */
  readonly limit?: Limit
  /** What a reader must know to repeat it: sizes, counts, versions. */
  readonly note?: string
}

export interface Limit {
  /** Which number is bounded; default: the value. */
  readonly of?: 'value' | 'ratio'
  readonly atLeast?: number
  readonly atMost?: number
}

export type Report = (figure: Figure) => void

/** `long`: the sizes of the promise; else as small as still shows the ratio. */
export type Bench = (report: Report, options: { readonly long: boolean }) => Promise<void>

/** Exported as `benches` by bench/<registry>.ts and bench/<registry>-<topic>.ts. */
export type Benches = Readonly<Record<string, Bench>>
