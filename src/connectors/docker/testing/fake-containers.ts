/** The containers, images and networks of a fake engine, and what becomes of each. */
import { randomBytes } from 'node:crypto'

/** What an image does once it runs. */
export interface FakeProgram {
  /** It ends with this code, each time that it is started. */
  readonly crash?: number
  /** So many commands run in it, and so many looks at its health, find that it does not serve yet. */
  readonly slow?: number
  /** What it writes at each start. */
  readonly says?: readonly string[]
  /** It has a HEALTHCHECK, which in the end says that. */
  readonly health?: 'healthy' | 'unhealthy'
}

export interface FakeImage {
  readonly id: string
  readonly repository: string
  readonly digest: string
  readonly program: FakeProgram
  /** The engine has it. */
  pulled: boolean
}

export interface FakeContainer {
  readonly id: string
  readonly created: number
  readonly image: FakeImage
  readonly labels: Readonly<Record<string, string>>
  readonly spec: Spec
  name: string
  state: 'created' | 'running' | 'restarting' | 'exited'
  code: number
  restarts: number
  starts: number
  logs: string[]
  /** How often it was asked whether it serves. */
  asked: number
  readonly networks: Map<string, readonly string[]>
}

export interface Spec {
  readonly Image: string
  readonly Labels?: Readonly<Record<string, string>>
  readonly Env?: readonly string[]
  readonly HostConfig?: {
    readonly NetworkMode?: string
    readonly PortBindings?: Readonly<Record<string, readonly { readonly HostPort: string }[]>>
    readonly RestartPolicy?: { readonly Name: string }
  }
  readonly NetworkingConfig?: {
    readonly EndpointsConfig?: Readonly<Record<string, { readonly Aliases?: readonly string[] }>>
  }
}

export class Refusal extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export type FakeContainers = ReturnType<typeof createFakeContainers>

export function createFakeContainers(networks: readonly string[]) {
  const containers = new Map<string, FakeContainer>()
  const images = new Map<string, FakeImage>()
  /** `start shop`, `die shop`, `destroy shop`, `rename a b`. */
  const events: string[] = []
  const hex = () => randomBytes(32).toString('hex')
  const known = new Set(['bridge', 'none', 'host', ...networks])

  const find = (ref: string) =>
    containers.get(ref) ?? [...containers.values()].find(({ id, name }) => name === ref || id.startsWith(ref))
  const get = (ref: string) => {
    const found = find(ref)
    if (found === undefined) throw new Refusal(404, `No such container: ${ref}`)
    return found
  }
  const free = (name: string) => {
    const holder = [...containers.values()].find((one) => one.name === name)
    if (holder === undefined) return
    const message = `Conflict. The container name "/${name}" is already in use by container "${holder.id}".`
    throw new Refusal(409, message)
  }
  const portsOf = ({ spec }: FakeContainer) =>
    Object.values(spec.HostConfig?.PortBindings ?? {}).flatMap((ports) => ports.map(({ HostPort }) => HostPort))
  const restarts = ({ spec }: FakeContainer) => !['', 'no'].includes(spec.HostConfig?.RestartPolicy?.Name ?? '')
  const isUp = ({ state }: FakeContainer) => state === 'running' || state === 'restarting'

  function create(name: string, spec: Spec): FakeContainer {
    free(name)
    const image = [...images.values()].find(
      ({ id, repository, digest, pulled }) => pulled && (id === spec.Image || `${repository}@${digest}` === spec.Image),
    )
    if (image === undefined) throw new Refusal(404, `No such image: ${spec.Image}`)
    const joined = Object.entries(spec.NetworkingConfig?.EndpointsConfig ?? {})
    for (const [network] of joined) if (!known.has(network)) throw new Refusal(404, `network ${network} not found`)
    const id = hex()
    const made: FakeContainer = {
      id,
      created: Math.floor(Date.now() / 1000),
      image,
      labels: spec.Labels ?? {},
      spec,
      name,
      state: 'created',
      code: 0,
      restarts: 0,
      starts: 0,
      logs: [],
      asked: 0,
      networks: new Map(joined.map(([network, { Aliases = [] }]) => [network, Aliases])),
    }
    containers.set(id, made)
    events.push(`create ${name}`)
    return made
  }

  function run(one: FakeContainer): void {
    one.starts += 1
    one.asked = 0
    one.state = 'running'
    one.logs.push(...(one.image.program.says ?? []))
  }

  /** A program that ends at once has ended before anybody can look. */
  function crash(one: FakeContainer): void {
    const { crash: code } = one.image.program
    if (code === undefined || one.state !== 'running') return
    one.code = code
    one.state = restarts(one) ? 'restarting' : 'exited'
    events.push(`die ${one.name}`)
  }

  return {
    containers,
    images,
    events,
    get,
    isUp,
    create,
    addImage(image: Omit<FakeImage, 'id' | 'pulled'>): FakeImage {
      const made = { ...image, id: `sha256:${hex()}`, pulled: false }
      images.set(`${image.repository}@${image.digest}`, made)
      return made
    },
    /** false: it runs already. */
    start(ref: string): boolean {
      const one = get(ref)
      if (isUp(one)) return false
      const wanted = portsOf(one)
      for (const other of containers.values()) {
        const shared = isUp(other) && portsOf(other).find((port) => wanted.includes(port))
        if (shared) throw new Refusal(500, `Bind for 0.0.0.0:${shared} failed: port is already allocated`)
      }
      one.restarts = 0
      run(one)
      events.push(`start ${one.name}`)
      crash(one)
      return true
    },
    /** false: it has been stopped. */
    stop(ref: string): boolean {
      const one = get(ref)
      if (!isUp(one)) return false
      one.state = 'exited'
      one.code = 0
      events.push(`die ${one.name}`)
      return true
    },
    rename(ref: string, name: string): void {
      const one = get(ref)
      free(name)
      events.push(`rename ${one.name} ${name}`)
      one.name = name
    },
    remove(ref: string, force: boolean): void {
      const one = get(ref)
      if (isUp(one) && !force) throw new Refusal(409, `cannot remove a running container ${one.id}`)
      containers.delete(one.id)
      events.push(`destroy ${one.name}`)
    },
    connect(network: string, ref: string, aliases: readonly string[]): void {
      if (!known.has(network)) throw new Refusal(404, `network ${network} not found`)
      const one = get(ref)
      if (one.networks.has(network)) throw new Refusal(403, `endpoint with name ${one.name} already exists in network`)
      one.networks.set(network, aliases)
    },
    disconnect(network: string, ref: string): void {
      if (!known.has(network)) throw new Refusal(404, `network ${network} not found`)
      get(ref).networks.delete(network)
    },
    /** Each look at a container that crashes finds it one restart further. */
    inspect(ref: string): unknown {
      const one = get(ref)
      if (one.state === 'restarting') {
        one.restarts += 1
        run(one)
        crash(one)
      }
      return inspected(one)
    },
    /** Whether it serves by now. */
    serves(one: FakeContainer): boolean {
      one.asked += 1
      return one.state === 'running' && one.asked > (one.image.program.slow ?? 0)
    },
    /** The engine dies: so do its containers, and those that are to restart run again with it. */
    restart(): void {
      for (const one of containers.values()) {
        if (!isUp(one)) continue
        one.state = 'exited'
        one.code = 137
        if (!restarts(one)) continue
        run(one)
        crash(one)
      }
    },
  }
}

function inspected(one: FakeContainer): unknown {
  const { id, name, image, spec, labels, state, code, restarts, starts, networks } = one
  const { health, slow = 0 } = image.program
  const status = (one.asked += health === undefined ? 0 : 1) > slow ? health : 'starting'
  return {
    Id: id,
    Name: `/${name}`,
    Image: image.id,
    RestartCount: restarts,
    Config: { Image: spec.Image, Labels: labels, Env: spec.Env ?? [], Tty: false },
    HostConfig: { NetworkMode: 'bridge', RestartPolicy: { Name: 'no' }, ...spec.HostConfig },
    State: {
      Status: state,
      // Docker says both of one that it is about to start again.
      Running: state === 'running' || state === 'restarting',
      Restarting: state === 'restarting',
      Paused: false,
      OOMKilled: false,
      Dead: false,
      ExitCode: code,
      Error: '',
      StartedAt: starts === 0 ? '0001-01-01T00:00:00Z' : `2026-01-01T00:00:${String(starts % 60).padStart(2, '0')}Z`,
      ...(health === undefined ? {} : { Health: { Status: status, FailingStreak: 0, Log: [{ Output: `${status}` }] } }),
    },
    NetworkSettings: {
      Networks: Object.fromEntries([...networks].map(([net, Aliases]) => [net, { IPAddress: '127.0.0.1', Aliases }])),
    },
  }
}
