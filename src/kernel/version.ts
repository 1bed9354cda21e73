import { readFileSync } from 'node:fs'

/** As package.json says, which lies two folders up from here, compiled or not. */
export function readVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}

export interface Build {
  readonly version: string
  /** `none` in a checkout. */
  readonly commit: string
  /** RFC 3339; `unknown` in a checkout. */
  readonly builtAt: string
}

/** What `npm run build` wrote beside what it compiled. */
export function readBuild(): Build {
  return { version: readVersion(), commit: 'none', builtAt: 'unknown', ...readStamp() }
}

function readStamp(): Partial<Build> {
  try {
    return JSON.parse(readFileSync(new URL('../build.json', import.meta.url), 'utf8')) as Partial<Build>
  } catch {
    return {}
  }
}
