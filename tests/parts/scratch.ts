/** A folder of its own with a configuration and a few manifests, removed at the end of the test. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const example = fileURLToPath(new URL('../../examples/quickstart', import.meta.url))

export interface Scratch extends Disposable {
  readonly folder: string
  path(...parts: readonly string[]): string
  write(file: string, text: string): void
  /** As an editor that saves the file. */
  edit(file: string, change: (text: string) => string): void
}

/** `quickstart`: a copy of the example as it is; else its manifests and this configuration. */
export function scratch(config: 'quickstart' | string): Scratch {
  const folder = mkdtempSync(join(tmpdir(), 'regista-cli-'))
  cpSync(example, folder, { recursive: true })
  const path = (...parts: readonly string[]) => join(folder, ...parts)
  const write = (file: string, text: string) => writeFileSync(path(file), text)
  if (config !== 'quickstart') write('regista.yaml', config)
  return {
    folder,
    path,
    write,
    edit: (file, change) => write(file, change(readFileSync(path(file), 'utf8'))),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}
