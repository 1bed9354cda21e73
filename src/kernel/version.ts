import { readFileSync } from 'node:fs'

/** As package.json says, which lies two folders up from here, compiled or not. */
export function readVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}
