/**
 * Around `npm pack` and `npm publish`: builds dist/, and takes the pinned Node out of the manifest that
 * is published. Who installs the package brings a Node; 189 MB more would help nobody.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build } from './build.ts'

const root = dirname(import.meta.dirname)
const manifest = join(root, 'package.json')
const aside = join(root, 'dist', 'package.json.aside')

export function main([when]: readonly string[]): Promise<number> {
  return Promise.resolve(when === 'before' ? before() : after())
}

function before(): number {
  const failed = build()
  if (failed !== 0) return failed
  const text = readFileSync(manifest, 'utf8')
  writeFileSync(aside, text)
  const { optionalDependencies, ...published } = JSON.parse(text) as { optionalDependencies: Record<string, string> }
  const others = Object.entries(optionalDependencies).filter(([name]) => !name.startsWith('node-linux-'))
  const kept = others.length > 0 && { optionalDependencies: Object.fromEntries(others) }
  writeFileSync(manifest, `${JSON.stringify({ ...published, ...kept }, null, 2)}\n`)
  return 0
}

function after(): number {
  if (existsSync(aside)) renameSync(aside, manifest)
  return 0
}
