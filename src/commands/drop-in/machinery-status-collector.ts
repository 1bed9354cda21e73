/**
 * The Machinery Status Collector of stuttgart-things as a command of this program, both of its roles: its commands,
 * environment, HTTP, lines and exit codes, on the engine that everything here runs on.
 */
import { systemClock } from '../../kernel/clock.ts'
import { AppError, messageOf } from '../../kernel/errors.ts'
import { stopOnSignals } from '../../kernel/stop.ts'
import { readBuild } from '../../kernel/version.ts'
import { processTerminal, type Terminal } from '../terminal.ts'
import { commands } from './status-collector/command-line.ts'
import { complete, completionScript } from './status-collector/completion.ts'
import { helpFor, readGoCommand } from './status-collector/go-commands.ts'
import { readInformerSettings } from './status-collector/informer-settings.ts'
import { createLog } from './status-collector/log.ts'
import { untilSignal, type RoleTask } from './status-collector/role.ts'
import { readServerSettings } from './status-collector/server-settings.ts'
import { versionText } from './status-collector/version.ts'

/** Resolves to the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const terminal = processTerminal()
  const [first = '', ...words] = args
  if (first === '__complete' || first === '__completeNoDesc') {
    return say(terminal, complete(words, first === '__complete'))
  }
  const call = readGoCommand(commands, args)
  if (call.is === 'said') {
    say(terminal, call)
    return call.code
  }
  const [, command, shell] = call.path
  if (command === 'help') return say(terminal, helpFor(commands, call.args))
  if (command === 'version') return say(terminal, { out: versionText(terminal, readBuild()), err: '' })
  if (shell !== undefined) {
    return say(terminal, { out: completionScript(shell, !call.switches.has('no-descriptions')), err: '' })
  }
  try {
    await (command === 'server' ? serve(terminal) : inform(terminal))
    return 0
  } catch (thrown) {
    terminal.err(call.failed(reasonOf(thrown)))
    return 1
  }
}

function say({ out, err }: Terminal, text: { readonly out: string; readonly err: string }): number {
  if (text.out !== '') out(text.out)
  if (text.err !== '') err(text.err)
  return 0
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof AppError ? thrown.detail : messageOf(thrown)
}

async function serve(terminal: Terminal): Promise<void> {
  const settings = readServerSettings(terminal.env)
  const { runServer } = await import('./status-collector/server.ts')
  await withSignals(terminal, (task) => runServer(settings, task))
}

async function inform(terminal: Terminal): Promise<void> {
  const settings = readInformerSettings(terminal.env)
  const { runInformer } = await import('./status-collector/informer.ts')
  await withSignals(terminal, (task) => runInformer(settings, task))
}

async function withSignals(terminal: Terminal, run: (task: RoleTask) => Promise<void>): Promise<void> {
  using stop = stopOnSignals(systemClock)
  const log = createLog(terminal, systemClock)
  const task: RoleTask = { env: terminal.env, clock: systemClock, log, signal: stop.signal }
  try {
    // Awaited: the signals are ours until it is done.
    await run(task)
  } catch (thrown) {
    // What it was doing when it was told to stop need not succeed.
    if (!stop.signal.aborted) throw thrown
    log.tell('DEBUG', 'stopped while it started', { error: thrown })
    await untilSignal(task)
  }
}
