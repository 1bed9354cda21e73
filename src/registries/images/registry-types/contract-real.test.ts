/** The suite of every type of image registry on real servers. */
import { startDockerRegistry, type DockerRegistryOptions } from '../../../../tests/parts/docker-registry.ts'
import { skipWithout } from '../../../../tests/parts/find.ts'
import { realPackages, withoutGitea } from '../../../connectors/gitea/testing/real-packages.ts'
import { imageRegistryContract } from './testing/contract.ts'
import { opened } from './testing/opened.ts'
import { writeFile } from 'node:fs/promises'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

function onReal(name: string, options: DockerRegistryOptions): void {
  const skip = skipWithout('docker-registry', 'openssl')
  const open = async () => {
    const real = await startDockerRegistry(options)
    const folder = mkdtempSync(join(tmpdir(), 'regista-image-registry-'))
    const ca = join(folder, 'ca.pem')
    await writeFile(ca, real.ca ?? '')
    const registry = opened({
      type: 'oci',
      host: real.host,
      plain_http: real.ca === null,
      realms: real.tokens ? [new URL(real.tokens.realm).host] : [],
      ...(real.ca !== null && { ca }),
      ...(options.auth && real.user),
    })
    return {
      registry,
      put: (image: string, tag: string, built: Parameters<typeof real.shelf.put>[2]) =>
        real.shelf.put(image, tag, built),
      untag: real.untag,
      requests: async () => (await real.requests()).filter(({ agent }) => agent.startsWith('regista/')).length,
      async breakDown() {
        await real.kill()
        return () => real.start()
      },
      async dispose() {
        await registry.close()
        await real[Symbol.asyncDispose]()
        rmSync(folder, { recursive: true })
      },
    }
  }
  imageRegistryContract(`docker-registry ${name}`, open, { skip })
}

onReal('open to everybody', {})
onReal('with tokens over TLS', { auth: 'token', tls: true })

imageRegistryContract(
  'Gitea',
  async () => {
    const { owner, put, untag, dispose, settings } = await realPackages()
    const registry = opened(settings)
    return {
      registry,
      owner,
      put,
      untag,
      requests: () => Promise.resolve(null),
      breakDown: null,
      async dispose() {
        await registry.close()
        await dispose()
      },
    }
  },
  { skip: withoutGitea },
)
