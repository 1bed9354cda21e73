/**
 * Who holds the embedded database. A state folder belongs to one process at a time; every other
 * command talks to that process over its Unix socket in the same folder.
 *
 * The lock is the operating system's own (SQLite's exclusive lock on a file of its own): it ends with the
 * process, however that ends, so that there is no stale lock to clean up.
 */
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { isoTime, type Clock } from '../kernel/clock.ts'
import { AppError } from '../kernel/errors.ts'
import { isBusy, sqliteError } from './sqlite/errors.ts'
import { makeStateFolder } from './state-folder.ts'

export interface Holding {
  /** Also removes the socket that the holder left. */
  release(): void
}

export interface Holder {
  readonly pid: number
  readonly since: string
}

export function databaseFile(stateFolder: string): string {
  return join(stateFolder, 'regista.db')
}

/** The socket that the holder's HTTP server listens on. Linux takes at most 107 bytes of path. */
export function holderSocket(stateFolder: string): string {
  return join(stateFolder, 'regista.sock')
}

/** Makes the folder (0700) and holds it. Throws `journal.busy` while another process does. */
export function acquire(stateFolder: string, clock: Clock): Holding {
  makeStateFolder(stateFolder)
  const path = join(stateFolder, 'regista.lock')
  const lock = new DatabaseSync(path, { timeout: 0 })
  try {
    // Made once: to lock an empty file SQLite would have to write, which fails on a full disk.
    lock.exec('PRAGMA journal_mode = MEMORY; CREATE TABLE IF NOT EXISTS "lock" ("held" INTEGER); BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    throw isBusy(error) ? busy(stateFolder, error) : sqliteError(error)
  }
  chmodSync(path, 0o600)
  // Whoever left a socket here is gone: it would hold the lock else.
  rmSync(holderSocket(stateFolder), { force: true })
  const holder: Holder = { pid: process.pid, since: isoTime(clock.now()) }
  noteHolder(stateFolder, holder)
  let held = true
  const release = () => {
    if (!held) return
    held = false
    process.off('exit', release)
    rmSync(holderSocket(stateFolder), { force: true })
    rmSync(holderFile(stateFolder), { force: true })
    lock.close()
  }
  // Also keeps the connection, and so the lock, from being collected while nobody looks at it.
  process.once('exit', release)
  return { release }
}

function holderFile(stateFolder: string): string {
  return join(stateFolder, 'regista.holder.json')
}

function noteHolder(stateFolder: string, holder: Holder): void {
  try {
    writeFileSync(holderFile(stateFolder), JSON.stringify(holder), { mode: 0o600 })
  } catch {
    // For the message of `journal.busy` only; a full disk must not keep the state from being read.
  }
}

function busy(stateFolder: string, cause: unknown): AppError {
  const holder = readHolder(stateFolder)
  const who = holder ? `process ${holder.pid} (since ${holder.since})` : 'another process'
  return new AppError(
    'journal.busy',
    `${stateFolder} is held by ${who}: stop it, ask it through ${holderSocket(stateFolder)}, or use another state folder`,
    { cause, data: { folder: stateFolder, ...(holder && { pid: holder.pid }) } },
  )
}

function readHolder(stateFolder: string): Holder | null {
  try {
    return JSON.parse(readFileSync(holderFile(stateFolder), 'utf8')) as Holder
  } catch {
    return null
  }
}
