/**
 * One suite on every kind of store, so that the fake, which can go wrong, is known to go right as real registries do:
 * contract-real.test.ts.
 */
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { layoutShelf } from '../../../tests/parts/shelves.ts'
import { skipWithout } from '../../../tests/parts/find.ts'
import type { Credential } from './credential.ts'
import { createLayout } from './layout.ts'
import { startFakeRegistry, type FakeRegistryOptions } from './testing/fake-registry.ts'
import { connectTo } from './testing/connected.ts'
import { imageStoreContract, type StoreUnderTest } from './testing/contract.ts'

imageStoreContract('a layout on disk', async () => {
  const scratch = await mkdtemp(join(tmpdir(), 'regista-layout-'))
  const folder = join(scratch, 'images')
  const shelf = layoutShelf(folder)
  return {
    store: createLayout({ folder }),
    shelf,
    untag: shelf.untag,
    async spoil(repository, digest, change) {
      const path = join(folder, repository, 'blobs', ...digest.split(':'))
      await writeFile(path, change(await readFile(path)))
    },
    async breakDown() {
      await rename(folder, join(scratch, 'away'))
      return () => rename(join(scratch, 'away'), folder)
    },
    dispose: () => rm(scratch, { recursive: true, force: true }),
  }
})

function onFake(name: string, options: FakeRegistryOptions, credential?: Credential): void {
  const open = async (): Promise<StoreUnderTest> => {
    const fake = await startFakeRegistry(options)
    const realms = options.realmElsewhere ? [new URL(fake.elsewhere).host] : []
    const store = connectTo({ host: fake.host, ca: fake.ca, realms, credential: credential ?? null })
    return {
      store,
      shelf: fake,
      untag: async (repository, tag) => fake.untag(repository, tag),
      spoil: async (_, digest, change) => fake.spoil(digest, change),
      async breakDown() {
        await fake.stop()
        return () => fake.start()
      },
      async dispose() {
        await store.close()
        await fake[Symbol.asyncDispose]()
      },
    }
  }
  imageStoreContract(`the fake registry ${name}`, open, options.tls ? { skip: skipWithout('openssl') } : {})
}

const user = { username: 'reader', password: 'pull-me-please' }
onFake('as it is', {})
onFake('with pages of two and blobs elsewhere', { pageSize: 2, redirectBlobs: true })
onFake('with Basic over TLS', { tls: true, auth: { kind: 'basic', ...user } }, user)
onFake('with tokens', { auth: { kind: 'bearer', ...user }, realmElsewhere: true, redirectBlobs: true }, user)
onFake(
  'with tokens for an identity token',
  {
    auth: { kind: 'bearer', ...user, identityToken: 'of-reader' },
  },
  { identityToken: 'of-reader' },
)
