/** A position that grows with time, such as [observed, generation]. */
export type Ordinal = readonly (number | string)[]

/** Element by element, numbers before strings; the longer of two that agree is the newer one. */
export function compareOrdinals(a: Ordinal, b: Ordinal): number {
  for (let at = 0; at < Math.min(a.length, b.length); at += 1) {
    const [left, right] = [a[at]!, b[at]!]
    if (left === right) continue
    if (typeof left === typeof right) return left < right ? -1 : 1
    return typeof left === 'number' ? -1 : 1
  }
  return a.length - b.length
}
