/** The suite of every forge on plain Git. */
import { join } from 'node:path'
import { skipWithout } from '../../../tests/parts/find.ts'
import { gitOrigin, serveGit } from '../../../tests/parts/git-remote.ts'
import { firstFiles, forgeContract, type ForgeGround } from '../forge/testing/contract.ts'
import { forgeAt } from './testing/forged.ts'
import { files, scratch } from './testing/opened.ts'
import { pushFile } from './testing/people.ts'

function begun() {
  const [origin, place] = [gitOrigin(), scratch()]
  const first = origin.commit(files(firstFiles))
  origin.commit(
    files({
      ...firstFiles,
      'a-link': { mode: '120000', text: 'README.md' },
      'a-submodule': { mode: '160000', text: first },
    }),
  )
  const odd = { link: 'a-link', submodule: 'a-submodule' }
  const push = async (branch: string, path: string, text: string) => pushFile(origin, branch, path, text)
  const dispose = () => {
    origin[Symbol.dispose]()
    place[Symbol.dispose]()
  }
  return { origin, place, odd, push, dispose }
}

async function onFolder(): Promise<ForgeGround> {
  const { origin, place, odd, push, dispose } = begun()
  const forge = forgeAt(origin.folder, place.folder)
  return { forge, odd, push, stranger: null, dispose: async () => dispose() }
}

async function overHttp(): Promise<ForgeGround> {
  const { origin, place, odd, push, dispose } = begun()
  origin.git('config', 'http.receivepack', 'true')
  const login = { username: 'me', password: 'right' }
  const server = await serveGit(origin, login)
  const forge = forgeAt(server.url, place.folder, { remote: { login } })
  const wrong = { remote: { login: { ...login, password: 'wrong' } } }
  return {
    forge,
    odd,
    push,
    stranger: forgeAt(server.url, join(place.folder, 'stranger'), wrong),
    async dispose() {
      await server[Symbol.asyncDispose]()
      dispose()
    },
  }
}

const options = { skip: skipWithout('git') }
forgeContract('plain Git in a folder', onFolder, options)
forgeContract('plain Git over HTTP', overHttp, options)
