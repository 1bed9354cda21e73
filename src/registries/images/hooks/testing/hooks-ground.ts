/** Hooks over a ledger in memory, with stages that follow a few images, and a note of every hint. */
import { randomUUID } from 'node:crypto'
import { createMemoryJournal } from '../../../../database/memory/journal.ts'
import type { Journal } from '../../../../engine/journal.ts'
import { engineTables } from '../../../../engine/tables.ts'
import { createFakeClock, type FakeClock } from '../../../../engine/testing/fake-clock.ts'
import type { Clock } from '../../../../kernel/clock.ts'
import { AppError } from '../../../../kernel/errors.ts'
import { silentLogger, type Logger } from '../../../../kernel/logger.ts'
import type { RouteRequest } from '../../../../kernel/route.ts'
import type { Table } from '../../../../kernel/table.ts'
import { keyOf, type Stage } from '../../model.ts'
import { stageFor as plainStage } from '../../stages/testing/stages.ts'
import { imageTables } from '../../tables.ts'
import { hooks as hooksSchema } from '../config.ts'
import { createHooks, type Hooks } from '../hooks.ts'
import type { Home } from '../match.ts'
import type { Sent } from './deliveries.ts'

export interface StageOptions {
  readonly stage?: string
  readonly registry?: string
  readonly image?: string
  readonly tags?: readonly string[]
}

export function stageOf({
  stage = 'live',
  registry = 'forge',
  image = 'team/shop',
  tags = ['v*'],
}: StageOptions): Stage {
  const plain = plainStage(keyOf('shop', stage), { deployer: 'ci' })
  // As the book has it: also what no definition could say.
  return { ...plain, registry, image, selection: { tags, strategy: 'semver', range: null } }
}

export function homeOf(name: string, more: { type?: string; host?: string; foldsCase?: boolean } = {}): Home {
  const { type = 'oci', host = `${name}.example`, foldsCase = false } = more
  const abilities = { times: false, digests: false, foldsCase, paging: 'link', remaining: null } as const
  return { name, type, host, abilities }
}

export const homes: readonly Home[] = [
  homeOf('forge', { type: 'gitea', foldsCase: true }),
  homeOf('ghcr', { type: 'github', host: 'ghcr.io' }),
  homeOf('hub', { type: 'dockerhub', host: 'docker.io' }),
  homeOf('mirror', { host: 'mirror.example:5000' }),
]

export interface Answered {
  readonly status: number
  readonly body: unknown
  readonly error: AppError | null
}

export interface HooksGround<C extends Clock = FakeClock> {
  readonly hooks: Hooks
  readonly journal: Journal
  readonly clock: C
  /** `registry/image:tag` of every hint. */
  readonly hints: string[]
  /** What was counted: `hook outcome`. */
  readonly counted: string[]
  post(address: string, sent: Sent): Promise<Answered>
  stages: readonly Stage[]
}

export interface GroundOptions<C extends Clock = FakeClock> {
  readonly hooks: object
  readonly stages?: readonly StageOptions[]
  readonly journal?: Journal
  readonly clock?: C
  readonly logger?: Logger
  readonly mostWaiting?: number
  readonly onHint?: () => void
}

export const untagged = '*'

export function journalInMemory(clock: Clock): Journal {
  return createMemoryJournal({ clock, tables: [...engineTables, ...imageTables] as unknown as readonly Table<never>[] })
}

export function hooksGround<C extends Clock = FakeClock>(options: GroundOptions<C>): HooksGround<C> {
  const clock = (options.clock ?? createFakeClock()) as C
  const journal = options.journal ?? journalInMemory(clock)
  const hints: string[] = []
  const counted: string[] = []
  const given = options.stages ?? homes.map(({ name }) => ({ stage: name, registry: name }))
  const hooks = createHooks({
    settings: hooksSchema.parse(options.hooks),
    home: (registry) => homes.find(({ name }) => name === registry) ?? null,
    stages: () => ground.stages,
    hint({ registry, image }, tag) {
      hints.push(`${registry}/${image}:${tag ?? untagged}`)
      options.onHint?.()
    },
    journal,
    clock,
    logger: options.logger ?? silentLogger,
    newId: randomUUID,
    measure(hook, outcome, count = 1) {
      for (let n = 0; n < count; n += 1) counted.push(`${hook} ${outcome}`)
    },
    ...(options.mostWaiting !== undefined && { mostWaiting: options.mostWaiting }),
  })
  const [route] = hooks.routes
  const ground: HooksGround<C> = {
    hooks,
    journal,
    clock,
    hints,
    counted,
    stages: given.map(stageOf),
    async post(address, { headers, body }) {
      const request = { params: { hook: address }, headers, bytes: body } as unknown as RouteRequest<
        never,
        never,
        never
      >
      try {
        const reply = await route!.handle(request)
        return { status: reply.status!, body: reply.body, error: null }
      } catch (thrown) {
        if (!(thrown instanceof AppError)) throw thrown
        return { status: thrown.status, body: null, error: thrown }
      }
    },
  }
  return ground
}
