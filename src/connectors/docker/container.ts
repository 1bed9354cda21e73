/** A container as the engine tells of it. */
import { z } from 'zod'
import { engineError, type Asked } from './errors.ts'

export interface EngineContainer {
  readonly id: string
  /** Without the slash that the API writes before it. */
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** Id of its image, and how that was named when it was made. */
  readonly image: { readonly id: string; readonly name: string }
  readonly running: boolean
  /** It died, and the engine is about to start it again; some call that running. */
  readonly restarting: boolean
  readonly paused: boolean
  /** It has run. */
  readonly begun: boolean
  readonly startedAt: string
  /** Of its last end. */
  readonly exitCode: number
  readonly killedForMemory: boolean
  /** Why it could not be started; ''. */
  readonly error: string
  /** How often the engine has started it again by itself. */
  readonly restarts: number
  readonly restartPolicy: string
  /** Of its HEALTHCHECK. */
  readonly health: 'none' | 'starting' | 'healthy' | 'unhealthy'
  /** What its last check said; ''. */
  readonly healthSaid: string
  readonly networkMode: string
  readonly networks: Readonly<Record<string, { readonly address: string; readonly aliases: readonly string[] }>>
}

/** What a list of containers says of each: less. */
export interface ListedContainer {
  readonly id: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly running: boolean
  /** Seconds since 1970. */
  readonly created: number
}

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '')
const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false)
const count = z
  .number()
  .nullish()
  .transform((value) => value ?? 0)
const map = <T extends z.ZodType>(value: T) =>
  z
    .record(z.string(), value)
    .nullish()
    .transform((given) => given ?? {})

const inspected = z.object({
  Id: z.string().min(1),
  Name: text,
  Image: text,
  RestartCount: count,
  Config: z.object({ Image: text, Labels: map(z.string()) }),
  HostConfig: z
    .object({ NetworkMode: text, RestartPolicy: z.object({ Name: text }).nullish() })
    .nullish()
    .transform((given) => given ?? { NetworkMode: '', RestartPolicy: null }),
  State: z.object({
    Running: flag,
    Restarting: flag,
    Paused: flag,
    OOMKilled: flag,
    ExitCode: count,
    Error: text,
    StartedAt: text,
    Health: z
      .object({ Status: text, Log: z.array(z.object({ Output: text })).nullish() })
      .nullish()
      .transform((given) => given ?? { Status: '', Log: [] }),
  }),
  NetworkSettings: z
    .object({
      Networks: map(
        z.object({
          IPAddress: text,
          Aliases: z.array(z.string()).nullish(),
        }),
      ),
    })
    .nullish()
    .transform((given) => given ?? { Networks: {} }),
})

const listed = z.array(
  z.object({
    Id: z.string().min(1),
    Names: z.array(z.string()).nullish(),
    Labels: map(z.string()),
    State: text,
    Created: count,
  }),
)

const healths = ['starting', 'healthy', 'unhealthy'] as const

export function readContainer(asked: Asked, answer: unknown): EngineContainer {
  const read = inspected.safeParse(answer)
  if (!read.success)
    throw engineError(asked, 'malformed', 'an answer that describes no container', { cause: read.error })
  const { Id: id, Name, Image, RestartCount, Config, HostConfig, State, NetworkSettings } = read.data
  return {
    id,
    name: Name.replace(/^\//, ''),
    labels: Config.Labels,
    image: { id: Image, name: Config.Image },
    running: State.Running,
    restarting: State.Restarting,
    paused: State.Paused,
    begun: !State.StartedAt.startsWith('0001-') && State.StartedAt !== '',
    startedAt: State.StartedAt,
    exitCode: State.ExitCode,
    killedForMemory: State.OOMKilled,
    error: State.Error,
    restarts: RestartCount,
    restartPolicy: HostConfig.RestartPolicy?.Name || 'no',
    health: healths.find((one) => one === State.Health.Status) ?? 'none',
    healthSaid: (State.Health.Log ?? []).at(-1)?.Output ?? '',
    networkMode: HostConfig.NetworkMode,
    networks: Object.fromEntries(
      Object.entries(NetworkSettings.Networks).map(([name, { IPAddress, Aliases }]) => {
        return [name, { address: IPAddress, aliases: Aliases ?? [] }]
      }),
    ),
  }
}

export function readList(asked: Asked, answer: unknown): readonly ListedContainer[] {
  const read = listed.safeParse(answer)
  if (!read.success) throw engineError(asked, 'malformed', 'an answer that lists no containers', { cause: read.error })
  return read.data.map(({ Id, Names, Labels, State, Created }) => ({
    id: Id,
    name: (Names?.[0] ?? '').replace(/^\//, ''),
    labels: Labels,
    running: State === 'running',
    created: Created,
  }))
}
