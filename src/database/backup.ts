/** `regista backup` and `regista restore`: the embedded database as one file. */
import { chmodSync, existsSync, fsyncSync, openSync, closeSync, renameSync, rmSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { isoTime, type Clock } from '../kernel/clock.ts'
import { AppError } from '../kernel/errors.ts'
import type { Journal, Verdict } from '../engine/journal.ts'
import { acquire, databaseFile } from './holder.ts'
import { linkReader, type Link } from './sqlite/link.ts'
import { verifyChain } from './sqlite/verify.ts'

export interface BackupReport {
  readonly file: string
  readonly blocks: number
  readonly events: number
  /** Position of the newest event in it. */
  readonly seq: number
}

/**
 * Copies the ledger as it is at one moment into a new file, while work goes on, and checks the copy.
 * Throws `request.conflict` when the file exists, `request.invalid` when the ledger is not embedded.
 */
export async function backup(journal: Journal, to: string): Promise<BackupReport> {
  const file = resolve(to)
  const { copyTo } = journal as Journal & { copyTo?: (file: string) => Promise<void> }
  if (!copyTo) {
    throw new AppError('request.invalid', 'only the embedded database is backed up here; for PostgreSQL use pg_dump')
  }
  refuseExisting(file, 'name another file')
  const partial = `${file}.partial`
  try {
    rmSync(partial, { force: true })
    await copyTo(partial)
    chmodSync(partial, 0o600)
    const report = await checked(partial)
    moveDurably(partial, file)
    return { ...report, file }
  } finally {
    rmSync(partial, { force: true })
  }
}

export interface RestoreOptions {
  readonly from: string
  readonly folder: string
  /** Replaces a database that is there; it is kept beside under another name. */
  readonly force: boolean
  readonly clock: Clock
}

export interface RestoreReport extends BackupReport {
  /** Where the database that was there is now. */
  readonly replaced: string | null
}

/**
 * Puts a backup in the place of the ledger. Throws `journal.busy` while a process holds the folder,
 * `request.conflict` without `force` where there is a database, `journal.broken` or `journal.newer` when the
 * backup is not fit; the folder is then as before.
 */
export async function restore({ from, folder, force, clock }: RestoreOptions): Promise<RestoreReport> {
  const holding = acquire(folder, clock)
  const file = databaseFile(folder)
  const partial = `${file}.partial`
  try {
    if (!force) refuseExisting(file, 'restore with --force to replace it')
    const report = await checked(resolve(from))
    rmSync(partial, { force: true })
    await withReader(resolve(from), (reader) => reader.call('copy', partial))
    chmodSync(partial, 0o600)
    await withReader(partial, (reader) => reader.call('forgetIdentity'))
    const replaced = existsSync(file) ? setAside(file, clock) : null
    moveDurably(partial, file)
    return { ...report, file, replaced }
  } finally {
    rmSync(partial, { force: true })
    holding.release()
  }
}

function refuseExisting(file: string, next: string): void {
  if (existsSync(file)) throw new AppError('request.conflict', `${file} exists: ${next}`)
}

async function checked(file: string): Promise<Omit<BackupReport, 'file'>> {
  if (!existsSync(file)) throw new AppError('request.not-found', `there is no file ${file}`)
  return withReader(file, async (reader) => {
    await reader.call('check')
    const verdict: Verdict = await verifyChain(reader)
    if (verdict.ok) return { blocks: verdict.blocks, events: verdict.events, seq: verdict.to }
    throw new AppError('journal.broken', `${file}: ${verdict.why}, at event ${verdict.at}`, {
      data: { at: verdict.at },
    })
  })
}

async function withReader<T>(path: string, work: (reader: Link) => Promise<T>): Promise<T> {
  const reader = linkReader(path)
  try {
    const result = await work(reader)
    await reader.call('close')
    return result
  } finally {
    await reader.end()
  }
}

/** With what was not yet written back into it. */
function setAside(file: string, clock: Clock): string {
  const aside = `${file}.replaced-${isoTime(clock.now()).replaceAll(':', '')}`
  for (const ending of ['-wal', '-shm', '']) {
    if (existsSync(file + ending)) renameSync(file + ending, aside + ending)
  }
  return aside
}

/** The content first, then the name, then the folder that holds the name. */
function moveDurably(from: string, to: string): void {
  flush(from)
  renameSync(from, to)
  flush(dirname(to))
}

function flush(path: string): void {
  const handle = openSync(path, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
