/** What REGISTRY_AUTHS says: a docker config as it is in a file, not in base64. */
import type { Clock } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { createDockerConfig, type DockerConfig } from '../../../registries/modules/drop-in.ts'
import type { Log } from './log.ts'

export interface AuthsOptions {
  readonly text: string
  /** As the original: keys are hosts as they stand there, and one entry that cannot be used spoils all. */
  readonly compat: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly log: Log
}

/** null: no registry can be watched with it. */
export function readAuths({ text, compat, env, clock, log }: AuthsOptions): DockerConfig | null {
  let spoiled = false
  try {
    const config = createDockerConfig({
      from: { text },
      clock,
      environment: env,
      report({ host, what }) {
        spoiled = true
        log('warn', 'an entry of REGISTRY_AUTHS cannot be used', { host, error: what })
      },
    })
    if (!compat) return config
    if (spoiled) return null
    const { auths } = JSON.parse(text) as { readonly auths?: object }
    const names = (host: string) => Promise.resolve(Object.hasOwn(auths ?? {}, host))
    return { credentials: config.credentials, names }
  } catch (thrown) {
    if (!(thrown instanceof AppError && thrown.code === 'config.invalid')) throw thrown
    const hint = /^[A-Za-z0-9+/=\s]+$/.test(text) ? '; it looks like base64, which is to be decoded first' : ''
    log('warn', 'REGISTRY_AUTHS cannot be used', { error: `${thrown.detail}${hint}` })
    return null
  }
}
