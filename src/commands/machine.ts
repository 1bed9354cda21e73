/** What `regista doctor` can tell of the machine without asking any process. */
import { accessSync, constants, existsSync, statSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { messageOf } from '../kernel/errors.ts'

export interface Check {
  readonly check: string
  readonly state: 'ok' | 'warn' | 'fail'
  readonly detail: string
  /** The next step; absent when there is none to take. */
  readonly next?: string
}

export function checkMachine(state: string): Check[] {
  return [checkNode(process.versions.node), checkFolder(state), checkSpace(state)]
}

/** As `engines` in package.json. */
const oldest = [24, 11] as const

export function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const recent = major > oldest[0] || (major === oldest[0] && minor >= oldest[1])
  if (recent) return { check: 'node', state: 'ok', detail: version }
  return {
    check: 'node',
    state: 'fail',
    detail: `${version} is older than ${oldest.join('.')}`,
    next: 'npm ci brings one',
  }
}

export function checkFolder(folder: string): Check {
  const check = 'state folder'
  const place = nearest(folder)
  try {
    accessSync(place, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (thrown) {
    const next = `give this user the right to write ${place}, or set state to another folder`
    return { check, state: 'fail', detail: messageOf(thrown), next }
  }
  if (place !== folder) return { check, state: 'ok', detail: `${folder} will be made` }
  const others = statSync(folder).mode & 0o077
  if (others === 0) return { check, state: 'ok', detail: folder }
  return { check, state: 'warn', detail: `${folder} is open to other users`, next: `chmod 700 ${folder}` }
}

const mebibyte = 1024 * 1024
/** Below this the journal may stop writing any moment; below the other it is time to look. */
const [tooLittle, little] = [100 * mebibyte, 1024 * mebibyte]

export function checkSpace(
  folder: string,
  read: (path: string) => { bavail: number; bsize: number } = statfsSync,
): Check {
  const { bavail, bsize } = read(nearest(folder))
  const free = bavail * bsize
  const detail = `${Math.floor(free / mebibyte)} MiB free`
  const state = free < tooLittle ? 'fail' : free < little ? 'warn' : 'ok'
  const next = 'make space: without it changes are refused until there is some'
  return { check: 'disk', state, detail, ...(state !== 'ok' && { next }) }
}

/** The folder itself, or the nearest above it that exists. */
function nearest(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : nearest(dirname(folder))
}
