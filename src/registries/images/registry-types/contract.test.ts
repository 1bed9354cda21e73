/** One suite on every type of image registry, on fakes; real servers are in contract-real.test.ts. */
import { startFakeHub, type FakeHubOptions } from '../../../connectors/docker-hub/testing/fake-hub.ts'
import {
  startFakePackages as startFakeGitea,
  type FakePackagesOptions as FakeGiteaOptions,
} from '../../../connectors/gitea/testing/fake-packages.ts'
import {
  startFakePackages as startFakeGitHub,
  type FakePackagesOptions as FakeGitHubOptions,
} from '../../../connectors/github/testing/fake-packages.ts'
import type { FakeWithApi } from '../../../connectors/oci/testing/fake-beside.ts'
import { startFakeRegistry, type FakeRegistry } from '../../../connectors/oci/testing/fake-registry.ts'
import { imageRegistryContract, type RegistryUnderTest } from './testing/contract.ts'
import { opened } from './testing/opened.ts'

type Settings = Readonly<Record<string, unknown>>

function under(fake: FakeWithApi, settings: Settings): RegistryUnderTest {
  const registry = opened(settings)
  return {
    registry,
    put: (image, tag, built) => fake.put(image, tag, built),
    untag: async (image, tag) => fake.untag(image, tag),
    requests: () => Promise.resolve(fake.registry.asked.length),
    async breakDown() {
      await fake.registry.stop()
      return () => fake.registry.start()
    },
    async dispose() {
      await registry.close()
      await fake[Symbol.asyncDispose]()
    },
  }
}

function onGitea(name: string, options: FakeGiteaOptions, settings: Settings): void {
  imageRegistryContract(`a fake Gitea ${name}`, async () => {
    const fake = await startFakeGitea(options)
    return under(fake, { type: 'gitea', url: fake.registry.url, ...settings })
  })
}

function onGitHub(name: string, options: FakeGitHubOptions, settings: Settings): void {
  imageRegistryContract(`a fake ghcr.io ${name}`, async () => {
    const fake = await startFakeGitHub(options)
    const { host, url } = fake.registry
    return under(fake, { type: 'github', host, api: url, plain_http: true, ...settings })
  })
}

function onHub(name: string, options: FakeHubOptions, settings: Settings): void {
  imageRegistryContract(`a fake Docker Hub ${name}`, async () => {
    const fake = await startFakeHub(options)
    const { host, url } = fake.registry
    return under(fake, { type: 'dockerhub', host, api: url, plain_http: true, ...settings })
  })
}

function onAny(name: string, start: () => Promise<FakeRegistry>, settings: Settings): void {
  imageRegistryContract(`the fake registry ${name}`, async () => {
    const registry = await start()
    const fake: FakeWithApi = {
      registry,
      put: (...put) => registry.put(...put),
      untag: (...untag) => registry.untag(...untag),
      [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
    }
    return under(fake, { type: 'oci', host: registry.host, plain_http: true, ...settings })
  })
}

const token = 'of-the-one-who-reads'
const login = { username: 'reader', password: 'pull-me-please' }
onGitea('as everybody sees it', {}, {})
onGitea(
  'with a token, of a version without a route for one package',
  { token, ownRoute: false, mostItems: 2 },
  { token },
)
onGitea('that does not tell how many there are', { token, mostItems: 2, untold: true }, { token })
onGitHub('as everybody sees it', { open: 'all', pageSize: 2 }, {})
onGitHub('with a token, of an organization', { token }, { token })
onGitHub('with a token, of a person', { token, person: true }, { token })
onHub('as everybody sees it', {}, {})
onHub('with an account, with pages of two', { login, pageSize: 2 }, login)
onAny('open to everybody, with pages of two', () => startFakeRegistry({ pageSize: 2 }), {})
onAny('with tokens', () => startFakeRegistry({ auth: { kind: 'bearer', ...login } }), login)
