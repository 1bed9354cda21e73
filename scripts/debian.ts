/** Brings the real servers that tests run against, where that is possible without asking anybody. */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { findPart, packages, type Part } from '../tests/parts/find.ts'

/** Asked by every Debian package before it starts a service; 101 is "not allowed" (policy-rc.d specification). */
const policy = '/usr/sbin/policy-rc.d'
const aside = `${policy}.before-regista`

function missingPackages(): string[] {
  const parts = Object.keys(packages) as Part[]
  return [...new Set(parts.filter((part) => findPart(part) === null).map((part) => packages[part]))]
}

/** Installs what is missing as root on Debian; elsewhere says what will be skipped and the command that brings it. */
export function provideParts(): void {
  const missing = missingPackages()
  if (missing.length === 0) return
  const list = missing.join(' ')
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) {
    console.log(`Tests that need these Debian packages are skipped: ${list}`)
    console.log(`To run them too: sudo apt-get install --no-install-recommends ${list}\n`)
    return
  }
  console.log(`Installing Debian packages that the tests run against (their services are not started): ${list}`)
  withoutStartingServices(() => {
    if (!install(missing) && apt('update') && !install(missing)) console.log('apt-get could not install all of them.')
  })
  const still = missingPackages()
  if (still.length > 0) console.log(`Not installed: ${still.join(' ')}`)
}

function install(names: readonly string[]): boolean {
  return apt('install', '--yes', '--no-install-recommends', ...names)
}

function apt(...args: string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status, error } = spawnSync('apt-get', ['-qq', ...args], { env, stdio: ['ignore', 'inherit', 'inherit'] })
  return error === undefined && status === 0
}

/** A Ctrl-C ends apt-get, not us: the machine's own policy is put back in any case. */
function withoutStartingServices(work: () => void): void {
  const ignore = () => {}
  process.on('SIGINT', ignore)
  if (existsSync(policy) && !existsSync(aside)) renameSync(policy, aside)
  try {
    writeFileSync(policy, '#!/bin/sh\nexit 101\n')
    chmodSync(policy, 0o755)
    work()
  } finally {
    if (existsSync(aside)) renameSync(aside, policy)
    else rmSync(policy, { force: true })
    process.removeListener('SIGINT', ignore)
  }
}
