/** The registries that are watched, with the credentials of REGISTRY_AUTHS. */
import { readFile } from 'node:fs/promises'
import type { Clock } from '../../../kernel/clock.ts'
import { asAppError, messageOf } from '../../../kernel/errors.ts'
import type { Random } from '../../../kernel/retry.ts'
import { machineAuthorities, openStore, type ObservedRequest, type Place } from '../../../registries/modules/drop-in.ts'
import { readAuths } from './auths.ts'
import { Fatal } from './fatal.ts'
import type { Settings } from './flags.ts'
import type { Log } from './log.ts'

export interface RegistriesOptions {
  readonly settings: Settings
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly observe: (request: ObservedRequest) => void
}

/** Those that can be watched, in their order. Throws Fatal where that is none. */
export async function openRegistries({ log, settings, env, ...options }: RegistriesOptions): Promise<Place[]> {
  const { compat, realms, plainHttp } = settings
  const text = env['REGISTRY_AUTHS'] ?? ''
  if (text === '') throw new Fatal('registry auths not set')
  const auths = readAuths({ text, compat, env, log, clock: options.clock })
  const ca = [machineAuthorities(), await authorityOf(settings.ca)].join('\n')
  const stores = new Map<string, Place['store']>()
  const places: Place[] = []
  for (const base of settings.registries) {
    const [host = '', ...path] = base.split('/')
    if (auths === null || !(await auths.names(host, path.join('/')))) {
      log('warn', 'no dockercfg auth set, skipping', { registry: base })
      continue
    }
    const { credentials } = auths
    try {
      const store = stores.get(host) ?? openStore({ ...options, host, credentials, realms, plainHttp, ca, env })
      stores.set(host, store)
      places.push({ base, store, path: path.join('/') })
      log('info', 'watch modules', { registry: base })
    } catch (thrown) {
      log('warn', 'registry cannot be watched, skipping', { registry: base, error: asAppError(thrown) })
    }
  }
  if (places.length === 0) throw new Fatal('no registries to watch')
  return places
}

async function authorityOf(file: string | null): Promise<string> {
  try {
    return file === null ? '' : await readFile(file, 'utf8')
  } catch (thrown) {
    throw new Fatal('file of --ca cannot be read', { file, error: messageOf(thrown) })
  }
}
