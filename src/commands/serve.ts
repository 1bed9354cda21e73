import { InvalidArgumentError } from 'commander'
import type { FlagValue } from '../config/load.ts'
import { examples, exitCodes, type Declare, type Run } from './command.ts'
import { readConfig } from './configuration.ts'

interface ServeOptions {
  readonly listen?: HostPort
  readonly state?: string
  readonly logLevel?: string
}

interface HostPort {
  readonly host: string
  readonly port: number
}

export const declareServe: Declare = (program, act) => {
  program
    .command('serve')
    .description('Run everything that the configuration names until SIGTERM or Ctrl-C')
    .option('--listen <host:port>', 'Instead of server.host and server.port; port 0 takes a free one', hostPort)
    .option('--state <folder>', 'Instead of state')
    .option('--log-level <level>', 'Instead of log.level')
    .addHelpText(
      'after',
      examples(
        ['regista serve', 'with regista.yaml from this folder'],
        ['regista serve -c prod.yaml --listen 127.0.0.1:9000', 'another file, another port'],
      ),
    )
    .action(act(serve))
}

async function serve(run: Run, options: ServeOptions): Promise<number> {
  const config = await readConfig(run, flagsOf(options))
  const [{ openApp }, { createLogger }] = await Promise.all([import('../app.ts'), import('../kernel/logger.ts')])
  const { terminal, clock, stop } = run
  const app = await openApp({
    config,
    clock,
    logger: createLogger({ level: run.globals.debug ? 'debug' : config.log.level }),
    print: terminal.errScreen ? (text) => terminal.err(text) : null,
  })
  try {
    const { url } = await app.serve()
    const line = { url, state: config.state, config: config.file, pid: process.pid }
    if (run.globals.output === 'json') terminal.out(`${JSON.stringify(line)}\n`)
    else terminal.out(`Regista listens on ${url} (pid ${line.pid}, state in ${config.state})\n`)
    await aborted(stop)
  } finally {
    await app.stop()
  }
  return exitCodes.ok
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

function flagsOf({ listen, state, logLevel }: ServeOptions): FlagValue[] {
  return [
    ...(listen === undefined ? [] : [{ flag: '--listen', path: ['server', 'host'], value: listen.host }]),
    ...(listen === undefined ? [] : [{ flag: '--listen', path: ['server', 'port'], value: listen.port }]),
    ...(state === undefined ? [] : [{ flag: '--state', path: ['state'], value: state }]),
    ...(logLevel === undefined ? [] : [{ flag: '--log-level', path: ['log', 'level'], value: logLevel }]),
  ]
}

/** "127.0.0.1:8080", "[::1]:8080", "localhost:0". */
export function hostPort(text: string): HostPort {
  const matched = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9_.-]+)):(\d{1,5})$/.exec(text)
  if (matched === null) throw new InvalidArgumentError('It takes HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080.')
  return { host: matched[1] ?? matched[2]!, port: Number(matched[3]) }
}
