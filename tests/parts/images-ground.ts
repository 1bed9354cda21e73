/** `regista serve` with an `images` section, and what a test asks of it over HTTP. */
import { createHmac } from 'node:crypto'
import type { DockerRegistry } from './docker-registry.ts'
import { regista, serveRegista, type Ran } from './regista.ts'
import { scratch, type Scratch } from './scratch.ts'
import { follow, until, type Posted, type Served } from './served.ts'

/** Settings in the words of the configuration. */
type Settings = Readonly<Record<string, unknown>>

export interface ImagesGround extends Disposable {
  readonly at: Scratch
  serve(): Promise<ImagesServed>
  run(...args: readonly string[]): Promise<Ran>
}

/** What the engine holds of one stage at its deployer. */
export interface Delivery {
  readonly key: string
  readonly state: string
  readonly digest: string | null
  readonly want: string | null
  readonly label: string | null
  readonly reason: string | null
  readonly detail: string | null
}

export interface ImagesServed extends Served {
  /** null: there is none yet. */
  delivery(deployer: string, key: string): Promise<Delivery | null>
  /** Waits until the stage's delivery is as `is` says, and answers it. */
  delivered(deployer: string, key: string, is: (delivery: Delivery) => boolean, bound?: number): Promise<Delivery>
  /** As the forge sends it: signed, with an id. The same id again is a repetition. */
  hook(push: { readonly image: string; readonly tag: string; readonly id: string }): Promise<Posted>
}

export const hookSecret = 'a secret that the forge and we share'
/** Of webhook deployers. */
export const deploySecret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

/** `more`: of the section `images`, beside a hook named `forge` of the registry that is named `forge`. */
export function imagesGround(more: Settings, port = 0): ImagesGround {
  const hooks = { forge: { type: 'gitea', registry: 'forge', secrets: [hookSecret] } }
  const at = scratch(JSON.stringify({ server: { port }, state: 'state', images: { hooks, ...more } }))
  return {
    at,
    async serve() {
      return withImages(follow(await serveRegista([], { cwd: at.folder, bound: 60_000 })))
    },
    run: (...args) => regista([...args, '-c', at.path('regista.yaml')], { cwd: at.folder }),
    [Symbol.dispose]: () => at[Symbol.dispose](),
  }
}

function withImages(served: Served): ImagesServed {
  const delivery: ImagesServed['delivery'] = async (sync, key) => {
    const rows = await served.list<Delivery>('/api/v1/deliveries', { sync })
    return rows.find((row) => row.key === key) ?? null
  }
  return {
    ...served,
    delivery,
    async delivered(deployer, key, is, bound = 60_000) {
      let last: Delivery | null = null
      const there = async () => {
        last = await delivery(deployer, key)
        return last !== null && is(last)
      }
      await until(`${key} at ${deployer}`, there, { bound, why: () => JSON.stringify(last) })
      return last!
    },
    hook({ image, tag, id }) {
      const { body, headers } = giteaPush({ image, tag, id })
      return served.post('/webhooks/forge', body, headers)
    },
  }
}

/** A push as a package event of Gitea, signed. */
export function giteaPush({ image, tag, id }: { readonly image: string; readonly tag: string; readonly id: string }) {
  const [owner = '', ...name] = image.split('/')
  const body = JSON.stringify({
    action: 'created',
    package: { type: 'container', name: name.join('/'), version: tag, owner: { login: owner } },
  })
  const headers = {
    'content-type': 'application/json',
    'x-gitea-event': 'package',
    'x-gitea-delivery': id,
    'x-gitea-signature': createHmac('sha256', hookSecret).update(body).digest('hex'),
  }
  return { body, headers }
}

/** The `registries` item of a registry as it is to be reached. */
export function ociRegistry(registry: DockerRegistry): Settings {
  const { username, password } = registry.user
  const realms = registry.tokens === null ? [] : [new URL(registry.tokens.realm).host]
  const secure = registry.certificates === null ? { plain_http: true } : { ca: registry.certificates.ca }
  return { type: 'oci', host: registry.host, username, password, realms, ...secure }
}
