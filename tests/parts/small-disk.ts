/** A file system of a few megabytes that a test can fill. Mounting takes root. */
import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const skipWithoutMount: string | false =
  process.getuid?.() === 0 ? canMount() : 'mounting a small disk takes root; run the tests as root'

export interface SmallDisk {
  readonly folder: string
  /** Takes all that is left, down to the last byte. */
  fill(): void
  /** Gives it back. */
  free(): void
  remove(): void
}

export function makeSmallDisk(megabytes: number): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'regista-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0777`, 'tmpfs', folder])
  const filler = join(folder, 'filler')
  return {
    folder,
    fill() {
      const file = openSync(filler, 'a')
      try {
        for (let size = 65_536; size > 0; size = Math.floor(size / 2)) writeUntilFull(file, Buffer.alloc(size))
      } finally {
        closeSync(file)
      }
    },
    free: () => rmSync(filler, { force: true }),
    remove() {
      execFileSync('umount', ['--lazy', folder])
      rmdirSync(folder)
    },
  }
}

function writeUntilFull(file: number, part: Buffer): void {
  try {
    while (writeSync(file, part) === part.length);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
}

function canMount(): string | false {
  try {
    makeSmallDisk(1).remove()
    return false
  } catch (error) {
    return `a small disk cannot be mounted here: ${String(error)}`
  }
}
