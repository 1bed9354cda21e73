/** A copy of examples/images/ with its registry running, on a free port. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { guideFolder } from './guide.ts'
import { freePorts } from './ports.ts'

const example = join(import.meta.dirname, '../../examples/images')

export interface ImagesExample extends AsyncDisposable {
  readonly folder: string
  path(...parts: readonly string[]): string
}

export async function imagesExample(): Promise<ImagesExample> {
  const { folder, path, ...at } = guideFolder()
  cpSync(example, folder, { recursive: true })
  const [port] = (await freePorts(1)) as [number]
  const config = readFileSync(path('regista.yaml'), 'utf8')
  assert.ok(config.includes('http://127.0.0.1:5000'))
  writeFileSync(path('regista.yaml'), config.replace(':5000', `:${port}`))
  const args = ['registry.js', String(port)]
  const registry = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(registry, 'exit')
  await once(registry.stdout, 'data')
  return {
    folder,
    path,
    async [Symbol.asyncDispose]() {
      registry.kill()
      await ended
      at[Symbol.dispose]()
    },
  }
}
