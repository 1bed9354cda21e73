/** Natural order: numbers in a text count as numbers, of any length; commits count for nothing. */

/** Digits without leading zeros. */
export function significant(digits: string): string {
  let at = 0
  while (at < digits.length - 1 && digits.charCodeAt(at) === 48) at += 1
  return at === 0 ? digits : digits.slice(at)
}

/** Exact at any length: timestamps of 17 digits are beyond what a number holds. Takes significant digits. */
export function compareDigits(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : Number(a > b))
}

/** 7 to 40 hexadecimal digits, a letter among them: without one it reads as a number. */
export function isCommit(text: string): boolean {
  return text.length >= 7 && text.length <= 40 && /^[0-9a-f]+$/i.test(text) && /[a-f]/i.test(text)
}

export interface Natural {
  /**
   * The text with `#` for each number, and `~7` for each commit, by its length. Tags of one kind differ in numbers and
   * commits alone: `dev-124` and `dev-125` are both `dev-#`.
   */
  readonly kind: string
  /** Significant digits. */
  readonly numbers: readonly string[]
  /** Text and numbers in turn; commits are ''. */
  readonly chunks: readonly string[]
}

export const commitMark = '~'

/**
 * `commits`: kinds that are known to have commits. A number that stands where a commit stands in one of them, and is as
 * long, is a commit without letters: one in 27 of those of 7 digits.
 */
export function readNatural(text: string, commits: ReadonlySet<string> = new Set()): Natural {
  const segments = text.split(/([-._])/)
  const read = naturalOf(segments, null)
  if (commits.size === 0 || commits.has(read.kind)) return read
  for (const [at, segment] of segments.entries()) {
    if (segment.length < 7 || segment.length > 40 || !/^\d+$/.test(segment)) continue
    const other = naturalOf(segments, at)
    if (commits.has(other.kind)) return other
  }
  return read
}

function naturalOf(segments: readonly string[], commit: number | null): Natural {
  let kind = ''
  const numbers: string[] = []
  const chunks: string[] = []
  for (const [at, segment] of segments.entries()) {
    const hash = /^g[0-9a-f]{7,40}$/i.test(segment) ? segment.slice(1) : segment
    if (at === commit || isCommit(hash)) {
      kind += `${commitMark}${hash.length}`
      chunks.push('')
      continue
    }
    for (const chunk of segment.match(/\d+|\D+/g) ?? []) {
      const digits = isDigit(chunk) ? significant(chunk) : null
      kind += digits === null ? chunk : '#'
      if (digits !== null) numbers.push(digits)
      chunks.push(digits ?? chunk)
    }
  }
  return { kind, numbers, chunks }
}

/** Without the lengths of commits: abbreviated ones grow over the years. */
export function kindOf({ kind }: Natural): string {
  return kind.replaceAll(/~\d+/g, commitMark)
}

function isDigit(text: string): boolean {
  const code = text.charCodeAt(0)
  return code >= 48 && code <= 57
}

/** By chunks: numbers as numbers, text by bytes, numbers before text; the longer one is above its beginning. */
export function compareNatural(a: readonly string[], b: readonly string[]): number {
  for (let at = 0; at < Math.min(a.length, b.length); at += 1) {
    const [left, right] = [a[at]!, b[at]!]
    const order =
      isDigit(left) && isDigit(right) ? compareDigits(left, right) : left < right ? -1 : Number(left > right)
    if (order !== 0) return order
  }
  return a.length - b.length
}

/** Of one kind: by its numbers alone. */
export function compareNumbers(a: Natural, b: Natural): number {
  for (const [at, number] of a.numbers.entries()) {
    const order = compareDigits(number, b.numbers[at]!)
    if (order !== 0) return order
  }
  return 0
}
