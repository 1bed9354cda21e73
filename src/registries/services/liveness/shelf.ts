/** Which blobs of the log are in the ledger, as far as this process wrote or read them. */
export interface Blob {
  readonly writer: string
  readonly n: number
  /** What it takes there. */
  readonly size: number
}

/** A row costs beside its bytes: a log of many small blobs is to be written anew, too. */
const perRow = 512

export interface Shelf {
  add(writer: string, n: number, bytes: number): void
  remove(gone: readonly Blob[]): void
  /** Those of a writer that are not among these any more were dropped by another process. */
  keepOnly(writer: string, present: ReadonlySet<number>): void
  all(): readonly Blob[]
  clear(): void
  countOf(writer: string): number
  readonly size: number
}

export function createShelf(): Shelf {
  let blobs: Blob[] = []
  let size = 0
  const keep = (test: (blob: Blob) => boolean) => {
    blobs = blobs.filter(test)
    size = blobs.reduce((sum, blob) => sum + blob.size, 0)
  }
  return {
    add(writer, n, bytes) {
      blobs.push({ writer, n, size: bytes + perRow })
      size += bytes + perRow
    },
    remove(gone) {
      const those = new Set(gone)
      keep((blob) => !those.has(blob))
    },
    keepOnly: (writer, present) => keep((blob) => blob.writer !== writer || present.has(blob.n)),
    all: () => [...blobs],
    clear: () => keep(() => false),
    countOf: (writer) => blobs.reduce((sum, blob) => sum + (blob.writer === writer ? 1 : 0), 0),
    get size() {
      return size
    },
  }
}
