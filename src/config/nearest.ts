/**
 * The candidate that `word` was most likely meant to be: fewest edits (insert, drop, replace, swap of
 * neighbours), at most a third of its length and never fewer than one. Null when none is near.
 */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  const most = Math.max(1, Math.floor(word.length / 3))
  const asked = plain(word)
  let best: string | null = null
  let least = most + 1
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > most + 1) continue
    const edits = distance(asked, plain(candidate))
    if (edits < least) [best, least] = [candidate, edits]
  }
  return best
}

/** firstSight, first-sight and first_sight are one word. */
function plain(word: string): string {
  return word.replaceAll(/[-_\s]/g, '').toLowerCase()
}

/** Optimal string alignment distance; names are short, so the whole table costs nothing. */
export function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)]
  for (let i = 1; i <= a.length; i++) {
    const above = rows[i - 1]!
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let least = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) least = Math.min(least, rows[i - 2]![j - 2]! + 1)
      row.push(least)
    }
    rows.push(row)
  }
  return rows[a.length]![b.length]!
}
