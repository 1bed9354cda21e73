import { firstFiles, forgeContract, type ForgeGround } from '../forge/testing/contract.ts'
import { createHastyClock } from '../forge/testing/hasty-clock.ts'
import { createHttp, type Http } from '../http/client.ts'
import { createGitHub } from './client.ts'
import { createFakeGitHub, goodToken } from './testing/fake-github.ts'

const odd = { link: 'claims/a-link', submodule: 'a-module' } as const
const files = {
  ...firstFiles,
  [odd.link]: { is: 'link', to: 'registry.yaml' },
  [odd.submodule]: { is: 'submodule', to: '1234567890123456789012345678901234567890' },
} as const

function onFake(options: { graphql: boolean; socket?: boolean; base?: string }): () => Promise<ForgeGround> {
  return async () => {
    const clock = createHastyClock()
    const fake = createFakeGitHub({ clock, files, ...options })
    const socket = options.socket === true ? await fake.listen() : null
    const http: Http = socket === null ? fake.http : createHttp({ clock, userAgent: 'regista/test' })
    const api = socket?.url ?? fake.api
    const client = (token: string) =>
      createGitHub({ repository: 'acme/claims', credentials: { token }, api, http, clock, random: () => 0 })
    return {
      odd,
      forge: client(goodToken),
      stranger: client('ghp_nobody'),
      push: (branch, path, text) => Promise.resolve(fake.repository.push(branch, { [path]: text })),
      merge: (number) => Promise.resolve(void fake.repository.merge(number)),
      async dispose() {
        await http.close()
        await socket?.close()
      },
    }
  }
}

forgeContract('GitHub, on the fault fake', onFake({ graphql: true }), { skip: false })
forgeContract('GitHub without GraphQL, on the fault fake', onFake({ graphql: false }), { skip: false })
const server = onFake({ graphql: true, socket: true, base: '/api/v3' })
forgeContract('GitHub Enterprise Server, on the fault fake behind a socket', server, { skip: false })
