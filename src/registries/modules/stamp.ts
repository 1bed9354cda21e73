/**
 * What was read of a channel, as short text: the cheap validator of its entry, and, for all channels of a
 * module together, the mark of its scope. Names the release image that it was read of, so that one HEAD
 * tells whether it still holds, and what came of it, so that nothing has to be fetched to know.
 */

export interface Stamp {
  /** Digest of the release image, as the channel's tag stands for it. */
  readonly release: string
  readonly version: string
  /** Digest and size of the archive. */
  readonly archive: string
  readonly size: number
}

export type Stamps = ReadonlyMap<string, Stamp>

/** `rules`: version of everything that decides what becomes of an image; other rules, and all is read again. */
export function stampText(rules: string, { release, version, archive, size }: Stamp): string {
  return [rules, release, version, archive, size].join(' ')
}

/** null: written by other rules, or nothing of ours. */
export function readStamp(rules: string, text: string | null): Stamp | null {
  const [by, release, version, archive, size, ...more] = text?.split(' ') ?? []
  if (by !== rules || release === undefined || version === undefined || archive === undefined) return null
  if (more.length > 0 || !/^\d+$/.test(size ?? '')) return null
  return { release, version, archive, size: Number(size) }
}

export function markText(rules: string, stamps: Stamps): string {
  const lines = [...stamps].map(([channel, stamp]) => `${channel} ${stampText(rules, stamp)}`)
  // A module without any channel has a mark, too.
  return [rules, ...lines.toSorted()].join('\n')
}

export function readMark(rules: string, text: string): Stamps | null {
  const [by, ...lines] = text.split('\n')
  if (by !== rules) return null
  const stamps = new Map<string, Stamp>()
  for (const line of lines) {
    const space = line.indexOf(' ')
    const stamp = readStamp(rules, line.slice(space + 1))
    if (space < 1 || stamp === null) return null
    stamps.set(line.slice(0, space), stamp)
  }
  return stamps
}
