/** Where the quickstart is played with: a copy, so that the checkout stays as it is. */
import { cpSync, existsSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'

const root = dirname(import.meta.dirname)

/** Git-ignored. */
export const playground = join(root, '.regista')

/** Copies the example there unless something is there already. A copy that was cut short is none. */
export function prepare(): void {
  if (existsSync(playground)) return
  const half = `${playground}.new`
  rmSync(half, { recursive: true, force: true })
  cpSync(join(root, 'examples/quickstart'), half, { recursive: true })
  renameSync(half, playground)
}
