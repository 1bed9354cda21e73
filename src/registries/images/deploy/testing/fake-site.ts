/** A place where versions run, and a deployer for it that does what a test says. */
import type { Ms } from '../../../../kernel/clock.ts'
import type { Json } from '../../../../kernel/json.ts'
import type { StageKey } from '../../model.ts'
import type { Deployer, DeployRequest, DeployResult, DeployTools, Running } from '../deployer.ts'

export interface FakeSite {
  /** What runs there. A test may change it as others would. */
  readonly runs: Map<StageKey, Omit<Running, 'key'>>
  /** Every effect in order: `shop/production v1`. */
  readonly effects: string[]
  /** Every call in order: `shop/production v1`, with `+` before the tag where a handle came with it. */
  readonly calls: string[]
  readonly requests: DeployRequest[]
  /** Calls that have not come to their end. */
  readonly going: ReadonlySet<string>
  /** Most calls that went on at once. */
  readonly most: number
  /** Before the effect: what it waits for, or what becomes of it instead. */
  before(request: DeployRequest, tools: DeployTools, signal: AbortSignal): Promise<DeployResult | void> | void
  /** After the effect, before anybody hears of it. */
  after(request: DeployRequest, tools: DeployTools, signal: AbortSignal): Promise<DeployResult | void> | void
  looks: boolean
  looked: number
  repeat: Deployer['repeat']
  abortable: boolean
  bound: Ms
  deployer(): Deployer
}

export function createFakeSite(
  given: Partial<Pick<FakeSite, 'looks' | 'repeat' | 'abortable' | 'bound'>> = {},
): FakeSite {
  const done = new Set<string>()
  const going = new Set<string>()
  let most = 0
  const site: FakeSite = {
    runs: new Map(),
    effects: [],
    calls: [],
    requests: [],
    going,
    get most() {
      return most
    },
    before: () => {},
    after: () => {},
    looks: true,
    looked: 0,
    repeat: 'keyed',
    abortable: true,
    bound: 600_000,
    ...given,
    deployer: () => ({
      name: 'docker',
      type: 'docker',
      fingerprint: 'f1',
      repeat: site.repeat,
      abortable: site.abortable,
      bound: site.bound,
      identity: () => Promise.resolve('engine-1'),
      ...(site.looks && { look: (stages) => look(new Set(stages.map(({ key }) => key))) }),
      deploy: call,
      close: () => Promise.resolve(),
    }),
  }

  function look(keys: ReadonlySet<StageKey>): Promise<readonly Running[]> {
    site.looked += 1
    return Promise.resolve([...site.runs].flatMap(([key, one]) => (keys.has(key) ? [{ key, ...one }] : [])))
  }

  async function call(request: DeployRequest, tools: DeployTools, signal: AbortSignal): Promise<DeployResult> {
    const { stage, release } = request
    const name = `${stage.key} ${release.tag}`
    site.calls.push(`${stage.key} ${tools.handle === null ? '' : '+'}${release.tag}`)
    site.requests.push(request)
    going.add(name)
    most = Math.max(most, going.size)
    try {
      return await deploy(request, tools, signal)
    } finally {
      going.delete(name)
    }
  }

  async function deploy(request: DeployRequest, tools: DeployTools, signal: AbortSignal): Promise<DeployResult> {
    const { stage, release, effectId } = request
    tools.say('pulling')
    const instead = await site.before(request, tools, signal)
    if (instead) return instead
    signal.throwIfAborted()
    tools.fence()
    if (site.repeat === 'unsafe' || !done.has(effectId)) {
      done.add(effectId)
      site.effects.push(`${stage.key} ${release.tag}`)
      site.runs.set(stage.key, { revision: release.revision, tag: release.tag, owned: true })
    }
    return (await site.after(request, tools, signal)) ?? { is: 'deployed', ref: `container of ${release.tag}` }
  }

  return site
}

/** What a deployer hands back to be called with again. */
export function pending(handle: Json, again: Ms = 1_000): DeployResult {
  return { is: 'pending', handle, again }
}
