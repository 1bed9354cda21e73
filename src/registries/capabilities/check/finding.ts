import type { Level, RuleId } from './rules.ts'

/** Both from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

export interface FilePlace extends Place {
  /** As the path was given, joined with the name: relative stays relative. */
  readonly file: string
}

/** One thing that is found in a manifest. */
export interface ManifestFinding extends FilePlace {
  readonly rule: RuleId
  readonly level: Level
  /** The capability, where it could be told. */
  readonly id: string | null
  /** One sentence without its end. */
  readonly what: string
  /** What to do next, in the imperative. */
  readonly next: string
  /** Other places that are part of it. */
  readonly related: readonly FilePlace[]
  /** Stays the same when lines move: what it is about, without where. */
  readonly about: string
}
