/** What the tests of this folder share: a client of a fake, with everything that it needs. */
import { join } from 'node:path'
import { systemClock, type Clock } from '../../../kernel/clock.ts'
import { files, scratch } from '../../git/testing/opened.ts'
import { firstFiles } from '../../forge/testing/contract.ts'
import { createHttp } from '../../http/client.ts'
import { createGitea, type GiteaOptions } from '../client.ts'
import { startFakeGitea, type FakeGiteaOptions } from './fake-gitea.ts'

/** Short pauses are over at once; bounds are not. */
const hastyClock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms <= 5000 ? 0 : ms, signal),
}

export async function connected(options: FakeGiteaOptions & { readonly client?: Partial<GiteaOptions> } = {}) {
  const fake = await startFakeGitea(options)
  const place = scratch()
  const http = createHttp({ clock: systemClock, userAgent: 'test' })
  fake.origin.commit(files(firstFiles))
  const clientOf = (name: string, more: Partial<GiteaOptions> = {}) =>
    createGitea({
      url: fake.url,
      repository: 'acme/claims',
      token: options.token ?? 'gitea-token',
      folder: join(place.folder, name),
      http,
      clock: hastyClock,
      random: () => 0,
      env: process.env,
      ...options.client,
      ...more,
    })
  return {
    fake,
    clientOf,
    folderOf: (name: string) => join(place.folder, name),
    forge: clientOf('copy'),
    async [Symbol.asyncDispose]() {
      await http.close()
      await fake[Symbol.asyncDispose]()
      place[Symbol.dispose]()
    },
  }
}
