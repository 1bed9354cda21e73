/** The suite of every store of images on real registries. */
import { startDockerRegistry, type DockerRegistryOptions } from '../../../tests/parts/docker-registry.ts'
import { skipWithout } from '../../../tests/parts/find.ts'
import { connectTo } from './testing/connected.ts'
import { imageStoreContract, type StoreUnderTest } from './testing/contract.ts'

function onReal(name: string, options: DockerRegistryOptions, shelf: 'shelf' | 'disk' = 'shelf'): void {
  const open = async (): Promise<StoreUnderTest> => {
    const real = await startDockerRegistry(options)
    const realms = real.tokens ? [new URL(real.tokens.realm).host] : []
    const store = connectTo({ host: real.host, ca: real.ca, realms, credential: options.auth ? real.user : null })
    return {
      store,
      shelf: real[shelf],
      untag: real.untag,
      spoil: (_, digest, change) => real.spoil(digest, change),
      async breakDown() {
        await real.kill()
        return () => real.start()
      },
      async dispose() {
        await store.close()
        await real[Symbol.asyncDispose]()
      },
    }
  }
  imageStoreContract(`docker-registry ${name}`, open, { skip: skipWithout('docker-registry', 'openssl'), runs: 2 })
}

onReal('open to everybody', {})
// What benchmarks put behind its back is as good as what was pushed.
onReal('with a password file', { auth: 'htpasswd' }, 'disk')
onReal('with tokens', { auth: 'token' })
onReal('with tokens over TLS', { auth: 'token', tls: true })
