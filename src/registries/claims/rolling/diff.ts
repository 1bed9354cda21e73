/** A unified diff of two texts, line by line, as `git diff` shows it. Pure. */

const context = 3
/** Two texts with more differences than this are shown as one replaced by the other. */
const mostDifferences = 4000

/** Unchanged lines, and lines taken out and put in after them. */
interface Edit {
  readonly from: number
  readonly to: number
  readonly out: number
  readonly in: number
}

/** '' where they are equal. Line endings are part of a line. */
export function unifiedDiff(path: string, before: string, after: string): string {
  if (before === after) return ''
  const [old, now] = [linesOf(before), linesOf(after)]
  const edits = editsOf(old, now)
  const hunks = groups(edits).map((group) => hunkOf(group, old, now))
  return [`--- a/${path}\n`, `+++ b/${path}\n`, ...hunks].join('')
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.split(/(?<=\n)/)
}

function editsOf(old: readonly string[], now: readonly string[]): Edit[] {
  let head = 0
  while (head < old.length && head < now.length && old[head] === now[head]) head += 1
  let tail = 0
  const shorter = Math.min(old.length, now.length) - head
  while (tail < shorter && old[old.length - 1 - tail] === now[now.length - 1 - tail]) tail += 1
  const middle = shortestEdits(old.slice(head, old.length - tail), now.slice(head, now.length - tail))
  return middle.map((edit) => ({ ...edit, from: edit.from + head, to: edit.to + head }))
}

/** Myers, "An O(ND) Difference Algorithm" (1986): the greedy way forward, kept step by step, and back along it. */
function shortestEdits(old: readonly string[], now: readonly string[]): Edit[] {
  const [n, m] = [old.length, now.length]
  const most = Math.min(n + m, mostDifferences)
  /** Farthest x on each diagonal k, at k + most + 1. */
  const farthest = new Int32Array(2 * most + 3)
  const trail: Int32Array[] = []
  for (let d = 0; d <= most; d += 1) {
    trail.push(farthest.slice(most + 1 - d - 1, most + 1 + d + 2))
    for (let k = -d; k <= d; k += 2) {
      const at = k + most + 1
      const down = k === -d || (k !== d && farthest[at - 1]! < farthest[at + 1]!)
      let x = down ? farthest[at + 1]! : farthest[at - 1]! + 1
      while (x < n && x - k < m && old[x] === now[x - k]) x += 1
      farthest[at] = x
      if (x >= n && x - k >= m) return joined(walkBack(trail, n, m))
    }
  }
  return [{ from: 0, to: 0, out: n, in: m }]
}

function walkBack(trail: readonly Int32Array[], n: number, m: number): Edit[] {
  const edits: Edit[] = []
  let [x, y] = [n, m]
  for (let d = trail.length - 1; d > 0; d -= 1) {
    const row = trail[d]!
    const k = x - y
    const at = k + d + 1
    const down = k === -d || (k !== d && row[at - 1]! < row[at + 1]!)
    const before = down ? k + 1 : k - 1
    x = row[before + d + 1]!
    y = x - before
    edits.push({ from: x, to: y, out: down ? 0 : 1, in: down ? 1 : 0 })
  }
  return edits.toReversed()
}

/** Neighbours become one. */
function joined(edits: readonly Edit[]): Edit[] {
  const found: Edit[] = []
  for (const edit of edits) {
    const last = found.at(-1)
    if (last && last.from + last.out === edit.from && last.to + last.in === edit.to) {
      found[found.length - 1] = { ...last, out: last.out + edit.out, in: last.in + edit.in }
    } else found.push(edit)
  }
  return found
}

/** Edits whose contexts touch share a hunk. */
function groups(edits: readonly Edit[]): Edit[][] {
  const found: Edit[][] = []
  for (const edit of edits) {
    const last = found.at(-1)?.at(-1)
    if (last && edit.from - (last.from + last.out) <= 2 * context) found.at(-1)!.push(edit)
    else found.push([edit])
  }
  return found
}

function hunkOf(edits: readonly Edit[], old: readonly string[], now: readonly string[]): string {
  const [first, last] = [edits[0]!, edits.at(-1)!]
  const lead = Math.min(context, first.from)
  const trail = Math.min(context, old.length - (last.from + last.out))
  const from = first.from - lead
  const to = first.to - lead
  const until = last.from + last.out + trail
  const length = last.to + last.in + trail - to
  const lines: string[] = []
  let at = from
  for (const edit of edits) {
    lines.push(...old.slice(at, edit.from).map((line) => ` ${line}`))
    lines.push(...old.slice(edit.from, edit.from + edit.out).map((line) => `-${line}`))
    lines.push(...now.slice(edit.to, edit.to + edit.in).map((line) => `+${line}`))
    at = edit.from + edit.out
  }
  lines.push(...old.slice(at, until).map((line) => ` ${line}`))
  const ended = lines.map((line) => (line.endsWith('\n') ? line : `${line}\n\\ No newline at end of file\n`))
  return `@@ -${rangeOf(from, until - from)} +${rangeOf(to, length)} @@\n${ended.join('')}`
}

function rangeOf(from: number, length: number): string {
  if (length === 1) return String(from + 1)
  return `${length === 0 ? from : from + 1},${length}`
}
