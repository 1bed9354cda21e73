/** Places to deploy to that count what is done to them, one for each deployer. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deploySecret } from './images-ground.ts'
import { startDeployReceiver } from './deploy-receiver.ts'

export interface Site extends AsyncDisposable {
  readonly name: string
  /** Settings of its deployer, and of a stage beside those that all have. */
  readonly deployer: Readonly<Record<string, unknown>>
  readonly stage: Readonly<Record<string, unknown>>
  readonly repeat: 'keyed' | 'unsafe'
  /** About so many steps that can be seen from outside make a deploy. */
  readonly steps: number
  /** Called at each step of a deploy, before it has an effect or is answered; what it returns is waited for. */
  onStep(call: (() => Promise<void> | undefined) | null): void
  /** How often this version was deployed. */
  effects(digest: string): number
  /** What is not as it should be once this version is deployed. */
  wrong(digest: string): readonly string[]
}

export async function webhookSite(): Promise<Site> {
  const receiver = await startDeployReceiver()
  return {
    name: 'webhook',
    deployer: { webhook: { url: receiver.url, secret: deploySecret } },
    stage: {},
    repeat: 'keyed',
    steps: 2,
    onStep(call) {
      receiver.step = () => call?.()
    },
    effects: (digest) => receiver.deploys.filter((deploy) => deploy.digest === digest).length,
    wrong: () => [],
    [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose](),
  }
}

/** A program that notes its begin and its end, and at each asks whether it may go on. */
export function commandSite(): Site {
  const folder = mkdtempSync(join(tmpdir(), 'regista-command-'))
  const log = join(folder, 'log')
  const program = join(folder, 'deploy')
  writeFileSync(
    program,
    `#!/bin/sh\necho "begin $DEPLOY_DIGEST" >> ${log}\nsleep 0.1\necho "end $DEPLOY_DIGEST" >> ${log}\n`,
  )
  chmodSync(program, 0o755)
  const lines = () => (existsSync(log) ? readFileSync(log, 'utf8').split('\n') : [])
  let watching: NodeJS.Timeout | undefined
  return {
    name: 'command',
    deployer: { command: { command: [program] } },
    stage: {},
    repeat: 'unsafe',
    steps: 2,
    onStep(call) {
      clearInterval(watching)
      if (call === null) return
      let seen = lines().length
      watching = setInterval(() => {
        for (; seen < lines().length; seen += 1) void call()
      }, 5)
    },
    effects: (digest) => lines().filter((line) => line === `begin ${digest}`).length,
    wrong: () => [],
    [Symbol.asyncDispose]() {
      clearInterval(watching)
      rmSync(folder, { recursive: true })
      return Promise.resolve()
    },
  }
}

export const sites = { webhook: webhookSite, command: () => Promise.resolve(commandSite()) } as const
