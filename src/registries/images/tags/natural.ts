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
export function isCommit(text: string, from = 0, end = text.length): boolean {
  if (end - from < 7 || end - from > 40) return false
  let letters = 0
  for (let at = from; at < end; at += 1) {
    const code = text.charCodeAt(at)
    if (isLetter(code)) letters += 1
    else if (!isDigit(code)) return false
  }
  return letters > 0
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

/** Of a hexadecimal number, in any case. */
function isLetter(code: number): boolean {
  return (code >= 97 && code <= 102) || (code >= 65 && code <= 70)
}

export interface Natural {
  /**
   * The text with `#` for each number, and `~7` for each commit, by its length. Tags of one kind differ in numbers and
   * commits alone: `dev-124` and `dev-125` are both `dev-#`.
   */
  readonly kind: string
  /** Text and numbers in turn, those without leading zeros; commits are ''. */
  readonly chunks: readonly string[]
}

export const commitMark = '~'

export function readNatural(text: string): Natural {
  return naturalOf(text, -1)
}

/**
 * `commits`: kinds that are known to have commits. A number that stands where a commit stands in one of them, and is as
 * long, is a commit without letters: one in 27 of those of 7 digits.
 */
export function withoutLetters(text: string, read: Natural, commits: ReadonlySet<string>): Natural {
  if (commits.size === 0 || commits.has(read.kind) || !longNumber.test(text)) return read
  for (const { index } of text.matchAll(/(?<=^|[-._])\d{7,40}(?=[-._]|$)/g)) {
    const other = naturalOf(text, index)
    if (commits.has(other.kind)) return other
  }
  return read
}

const longNumber = /\d{7}/
/**
 * `commit`: where a segment begins that is one although it has no letters. Written without regular expressions: half
 * of what choosing costs is spent here.
 */
function naturalOf(text: string, commit: number): Natural {
  let kind = ''
  const chunks: string[] = []
  for (let at = 0; at < text.length;) {
    const end = isSegment(text, at) ? commitEnd(text, at, at === commit) : -1
    if (end !== -1) {
      // As `git describe` writes it, behind a g.
      kind += `${commitMark}${end - at - Number(text[at] === 'g')}`
      chunks.push('')
      at = end
      continue
    }
    const digits = isDigit(text.charCodeAt(at))
    const from = at
    do at += 1
    while (at < text.length && isDigit(text.charCodeAt(at)) === digits && (digits || !isSegment(text, at)))
    const chunk = text.slice(from, at)
    kind += digits ? '#' : chunk
    chunks.push(digits ? significant(chunk) : chunk)
  }
  return { kind, chunks }
}

/** -1: no commit. */
function commitEnd(text: string, from: number, known: boolean): number {
  // Most segments are shorter.
  if (from + 7 > text.length) return -1
  const end = endOfSegment(text, from)
  return known || isCommit(text, from, end) || (text[from] === 'g' && isCommit(text, from + 1, end)) ? end : -1
}

/** Whether a segment begins there. */
function isSegment(text: string, at: number): boolean {
  return at === 0 || isSeparator(text.charCodeAt(at - 1))
}

function isSeparator(code: number): boolean {
  return code === 45 || code === 46 || code === 95
}

/** Segments are between `-`, `.` and `_`. */
function endOfSegment(text: string, from: number): number {
  let at = from
  while (at < text.length && !isSeparator(text.charCodeAt(at))) at += 1
  return at
}

/** Without the lengths of commits: abbreviated ones grow over the years. */
export function kindOf({ kind }: Natural): string {
  return kind.includes(commitMark) ? kind.replaceAll(/~\d+/g, commitMark) : kind
}

/** By chunks: numbers as numbers, text by bytes, numbers before text; the longer one is above its beginning. */
export function compareNatural(a: Natural, b: Natural): number {
  const [left, right] = [a.chunks, b.chunks]
  for (let at = 0; at < Math.min(left.length, right.length); at += 1) {
    const order = compareChunks(left[at]!, right[at]!)
    if (order !== 0) return order
  }
  return left.length - right.length
}

function compareChunks(a: string, b: string): number {
  if (isDigit(a.charCodeAt(0)) && isDigit(b.charCodeAt(0))) return compareDigits(a, b)
  return a < b ? -1 : Number(a > b)
}

export function hasNumber({ kind }: Natural): boolean {
  return kind.includes('#')
}
