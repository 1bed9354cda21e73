/**
 * Finds the real servers that tests and benchmarks run against. A test names what it needs in its
 * `skip` option: `test('…', { skip: skipWithout('etcd') }, …)`. With CI=true a missing part is a
 * failure, not a skip.
 */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Part → Debian package. */
export const packages = {
  'etcd': 'etcd-server',
  'etcdctl': 'etcd-client',
  'postgres': 'postgresql',
  'initdb': 'postgresql',
  'promtool': 'prometheus',
  'openssl': 'openssl',
  'git': 'git',
  'docker-registry': 'docker-registry',
  'skopeo': 'skopeo',
  'podman': 'podman',
  'runc': 'runc',
  'busybox': 'busybox-static',
} as const

export type Part = keyof typeof packages

const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin', '/usr/sbin', '/usr/lib/postgresql/15/bin']

/** Absolute path of the part's program, or null. */
export function findPart(part: Part): string | null {
  for (const folder of folders) {
    const path = join(folder, part)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // not in this folder
    }
  }
  return null
}

export function skipWithout(...parts: readonly Part[]): string | false {
  const missing = parts.filter((part) => findPart(part) === null)
  if (missing.length === 0) return false
  const command = `apt-get install ${[...new Set(missing.map((part) => packages[part]))].join(' ')}`
  if (process.env['CI'] === 'true') throw new Error(`${missing.join(', ')} not found; CI installs it with: ${command}`)
  return `${missing.join(', ')} not found; install with: ${command}`
}
