/** What a proof file exports, and how it reports. One JSON line per result, see prove/run.ts. */
export interface Result {
  readonly ok: boolean
  /** What was seen, as a reader would quote it: "0 of 100000 histories", "180 keys". */
  readonly figure: string | number
  /** Where one row has several results. */
  readonly part?: string
  /** What a reader must know to repeat it: seed, sizes, versions. */
  readonly note?: string
}

export type Report = (result: Result) => void

/** `long`: the whole row; else about a tenth of it, seeded the same way. */
export type Proof = (report: Report, options: { readonly long: boolean }) => Promise<void>

/** Exported as `proofs` by prove/<registry>.ts and prove/<registry>-<topic>.ts. */
export type Proofs = Readonly<Record<string, Proof>>
