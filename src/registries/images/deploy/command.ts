/**
 * A program of this machine deploys: it is told by DEPLOY_* which version, and its exit code says whether it did. It
 * cannot be asked later, and may not be run twice: what became of a run that was cut off a person has to say.
 */
import { stat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { isDigest } from '../../../connectors/oci/names.ts'
import type { Clock, Ms } from '../../../kernel/clock.ts'
import { digestOf } from '../../../kernel/digest.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { CommandDeployerConfig } from './command-config.ts'
import { createOutput, type Output } from './command-output.ts'
import { start, type RunEnd, type Running } from './command-process.ts'
import type { StageKey } from '../model.ts'
import type { Deployer, DeployRequest, DeployResult } from './deployer.ts'

export interface CommandParts {
  readonly clock: Clock
  /** Where relative paths are meant from. */
  readonly base: string
  readonly env: Readonly<Record<string, string | undefined>>
}

const [usualTimeout, usualKillAfter]: readonly [Ms, Ms] = [600_000, 10_000]
/** A line that it prints is shown at most so often. */
const sayEvery: Ms = 1000
/** Passed-through variables that hold no secret: that they are printed tells what went wrong. */
const plain = /^(?:PATH|HOME|LANG|LANGUAGE|LC_[A-Z]+|TZ|USER|LOGNAME|SHELL|TERM|TMPDIR|PWD|HOSTNAME)$/

export function createCommandDeployer(
  name: string,
  settings: CommandDeployerConfig,
  { clock, base, env }: CommandParts,
): Deployer {
  const { command, pass_env: passed, timeout = usualTimeout, kill_after: killAfter = usualKillAfter } = settings
  const program = basename(command[0] ?? '')
  const cwd = resolve(base, settings.cwd ?? '.')
  const running = new Map<StageKey, Running>()
  let closed = false

  const given = Object.fromEntries(passed.flatMap((one) => (env[one] === undefined ? [] : [[one, env[one]]])))
  const secrets = new Map([
    ...Object.entries(given).filter(([one]) => !plain.test(one)),
    ...Object.entries(settings.env),
  ] as [string, string][])

  async function run(request: DeployRequest, output: Output, say: (step: string) => void): Promise<RunEnd> {
    const streams = { stdout: output.stream(), stderr: output.stream() }
    let saidAt = clock.now()
    const started = start(
      {
        argv: command,
        cwd,
        env: { ...given, ...settings.env, ...variablesOf(request) },
        timeout,
        killAfter,
        onOutput(stream, chunk) {
          streams[stream].push(chunk)
          if (clock.now() - saidAt < sayEvery) return
          saidAt = clock.now()
          const line = output.text().split('\n').at(-1)
          if (line) say(line.slice(-200))
        },
      },
      clock,
    )
    running.set(request.stage.key, started)
    try {
      return await started.ended
    } finally {
      running.delete(request.stage.key)
      for (const stream of Object.values(streams)) stream.end()
    }
  }

  return {
    name,
    type: 'command',
    // Of the variables their names alone: what the fingerprint is made of must not be guessed from it.
    fingerprint: digestOf(['command', command, cwd, Object.keys(settings.env).toSorted(), passed]),
    repeat: 'unsafe',
    abortable: false,
    bound: timeout + killAfter + 5000,
    identity: () => Promise.resolve('command'),
    async deploy(request, tools, signal) {
      const folder = await stat(cwd).catch(() => null)
      if (folder === null || !folder.isDirectory()) {
        return unstarted('target.refused', `${cwd} is no folder to run ${program} in; make it, or set cwd`)
      }
      // One that nobody waits for any more may still run.
      for (let last; (last = running.get(request.stage.key));) await last.ended
      if (closed || signal.aborted) return unstarted('aborted', `${program} was not run: it was told to stop`)
      tools.fence()
      tools.say(`running ${program}`)
      const output = createOutput(settings.output, secrets)
      // Aborting means that the result is no longer waited for. It runs on to its end, or until `close`.
      const end = await run(request, output, tools.say)
      return resultOf(program, end, output.text())
    },
    async close() {
      closed = true
      for (const one of running.values()) one.stop('closing')
      await Promise.all([...running.values()].map(({ ended }) => ended))
    },
  }
}

/** Empty where there is none, so that scripts that refuse unset variables go on. */
function variablesOf({ release, effectId, was }: DeployRequest): Record<string, string> {
  const { project, stage, repository, tag, digest } = release
  return {
    DEPLOY_IMAGE: `${repository}@${digest}`,
    DEPLOY_TAG: tag,
    DEPLOY_DIGEST: digest,
    DEPLOY_PROJECT: project,
    DEPLOY_STAGE: stage,
    DEPLOY_ID: effectId,
    // Of a version that was deployed once more only the revision is known, which is no digest of an image.
    DEPLOY_PREVIOUS_DIGEST: was !== null && isDigest(was.revision) ? was.revision : '',
    DEPLOY_PREVIOUS_TAG: was?.tag ?? '',
  }
}

function unstarted(code: 'aborted' | 'target.refused', detail: string): DeployResult {
  return { is: 'failed', error: new AppError(code, detail), effect: 'none' }
}

function resultOf(program: string, end: RunEnd, output: string): DeployResult {
  const printed = output === '' ? '' : `\n${output}`
  if (end.is === 'unstarted') {
    const next = end.code === 'ENOENT' ? 'there is no such program; install it, or correct command' : end.code
    return unstarted('target.refused', `${program} could not be started: ${next}`)
  }
  if (end.is === 'exited' && end.code === 0) return { is: 'deployed', ...(output !== '' && { detail: output }) }
  // It says itself that it failed. Once more it would most likely say the same.
  if (end.is === 'exited' && end.stopped === null) {
    return { is: 'refused', why: `${program} ended with exit code ${end.code}${printed}`, until: 'item' }
  }
  const how = { timeout: 'did not end in time and was ended', closing: 'was ended, for Regista stopped' } as const
  const what = end.stopped === null ? `was ended by ${end.is === 'killed' ? end.signal : 'a signal'}` : how[end.stopped]
  const code = end.stopped === 'timeout' ? 'timed-out' : end.stopped === 'closing' ? 'aborted' : 'target.unavailable'
  const next = 'see whether it has done its work'
  return { is: 'failed', error: new AppError(code, `${program} ${what}; ${next}${printed}`), effect: 'unknown' }
}
