/** Maintenance windows: when a stage may be deployed. Under construction: signatures hold. */
import type { Instant } from '../../../kernel/clock.ts'

export interface Window {
  readonly text: string
}

/** null: none of what it reads; `windowFault` says why. */
export function parseWindow(text: string): Window | null {
  return { text }
}

/** "what is wrong\nnext step", for schemas; null: fine. */
export function windowFault(_text: string): string | null {
  return null
}

/** When the first of them opens; null: open now, or there are none. */
export function opensAt(_windows: readonly Window[], _now: Instant): Instant | null {
  return null
}
