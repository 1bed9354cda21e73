/** Entity tags (RFC 9110 §8.8) made of positions in the journal. */

/** One row, byte for byte. */
export function strongTag(seq: number): string {
  return `"${seq}"`
}

/** A list of rows: nothing that has an event changed. Bookkeeping (attempts, due times) may have. */
export function weakTag(head: number): string {
  return `W/"${head}"`
}

type Header = string | string[] | undefined

/** Weak comparison, for If-None-Match on reads. */
export function isUnchanged(ifNoneMatch: Header, tag: string): boolean {
  if (ifNoneMatch === undefined) return false
  const wanted = tag.replace(/^W\//, '')
  return String(ifNoneMatch)
    .split(',')
    .some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === wanted)
}

/** The positions that If-Match names; `any` for "*". Weak tags and foreign ones match nothing. */
export function wantedSeqs(ifMatch: Header): readonly number[] | 'any' | null {
  if (ifMatch === undefined) return null
  const tags = String(ifMatch)
    .split(',')
    .map((one) => one.trim())
  if (tags.includes('*')) return 'any'
  return tags.flatMap((tag) => (/^"\d{1,16}"$/.test(tag) ? [Number(tag.slice(1, -1))] : []))
}
