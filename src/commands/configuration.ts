import { existsSync } from 'node:fs'
import type { Config, FlagValue } from '../config/load.ts'
import { AppError } from '../kernel/errors.ts'
import type { Run } from './command.ts'

/** Where the configuration is looked for when nothing names it. */
const usual = ['regista.yaml', '.regista/regista.yaml']

/** The file that -c or REGISTA_CONFIG names, else the first usual one that exists. */
export function configFile({ globals, terminal }: Pick<Run, 'globals' | 'terminal'>): string {
  const named = globals.config ?? terminal.env['REGISTA_CONFIG']
  if (named !== undefined) return named
  const found = usual.find((file) => existsSync(file))
  if (found !== undefined) return found
  throw new AppError('config.invalid', `neither ${usual.join(' nor ')} exists here; name the file with -c FILE`)
}

/** Loaded lazily: the schema library and every registry come with it. */
export async function readConfig(
  run: Pick<Run, 'globals' | 'terminal'>,
  flags: readonly FlagValue[] = [],
): Promise<Config> {
  const file = configFile(run)
  const [{ loadConfig }, { registries }] = await Promise.all([
    import('../config/load.ts'),
    import('../registries/index.ts'),
  ])
  return loadConfig({ file, env: run.terminal.env, registries, flags })
}
