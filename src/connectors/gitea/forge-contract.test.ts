/** The suite of every forge on the fake, and on a real Gitea or Forgejo where there is one. */
import { skipWithout } from '../../../tests/parts/find.ts'
import { forgeContract, type ForgeGround } from '../forge/testing/contract.ts'
import { pushFile } from '../git/testing/people.ts'
import { connected } from './testing/connected.ts'
import { realGitea, withoutGitea } from './testing/real-gitea.ts'

async function onFake(): Promise<ForgeGround> {
  const on = await connected({ base: '/git' })
  return {
    forge: on.forge,
    stranger: on.clientOf('stranger', { token: 'wrong' }),
    push: async (branch, path, text) => pushFile(on.fake.origin, branch, path, text),
    merge: async (number) => on.fake.merge(number),
    dispose: () => on[Symbol.asyncDispose](),
  }
}

forgeContract('Gitea, a fake of it', onFake, { skip: skipWithout('git') })
forgeContract('Gitea, a real one', realGitea, { skip: skipWithout('git') || withoutGitea })
