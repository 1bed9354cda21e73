import type { TestContext } from 'node:test'
import { createFakeClock, type FakeClock } from '../../../engine/testing/fake-clock.ts'
import type { AppError } from '../../../kernel/errors.ts'
import type { Forge } from '../../forge/forge.ts'
import { createGitHub, type GitHubOptions } from '../client.ts'
import { createFakeGitHub, goodToken, type FakeGitHub, type FakeGitHubOptions } from './fake-github.ts'

export const never = new AbortController().signal
export const files = { 'claims/registry.yaml': 'a: 1\nb: 1\n', 'README.md': 'Claims\n' }
export const registry = 'claims/registry.yaml'

export interface Ground {
  readonly clock: FakeClock
  readonly fake: FakeGitHub
  readonly forge: Forge
  /** Time passes until it is settled. */
  run<T>(work: Promise<T>): Promise<T>
  /** What it rejects with. */
  failure(work: Promise<unknown>): Promise<AppError>
  main(): string
  /** A commit upon `main` that no branch has. */
  made(text: string): Promise<string>
  /** That commit on a branch. */
  branch(name: string, text?: string): Promise<string>
  /** Requests that came since, as `METHOD /path` after the repository. */
  since(work: () => Promise<unknown>): Promise<string[]>
}

export function createGround(
  _: TestContext,
  options: Partial<GitHubOptions> & { fake?: Partial<FakeGitHubOptions> } = {},
): Ground {
  const { fake: fakeOptions, ...more } = options
  const clock = createFakeClock({ start: 1_795_000_000_000 })
  const fake = createFakeGitHub({ clock, files, ...fakeOptions })
  const forge = createGitHub({
    repository: 'acme/claims',
    credentials: { token: goodToken },
    api: fake.api,
    http: fake.http,
    clock,
    random: () => 0.5,
    ...more,
  })
  const run = <T>(work: Promise<T>) => clock.drive(work)
  const main = () => fake.repository.branches.get('main') ?? ''
  const made = (text: string) =>
    run(forge.commit({ parent: main(), files: new Map([[registry, Buffer.from(text)]]), message: 'change' }, never))

  return {
    clock,
    fake,
    forge,
    run,
    main,
    made,
    async failure(work) {
      const thrown: unknown = await run(
        work.then(
          () => null,
          (error: unknown) => error,
        ),
      )
      if (thrown === null) throw new Error('it succeeded')
      return thrown as AppError
    },
    async branch(name, text = 'a: 2\nb: 1\n') {
      const id = await made(text)
      await run(forge.move(name, id, null, never))
      return id
    },
    async since(work) {
      const before = fake.calls.length
      await run(work())
      return fake.calls
        .slice(before)
        .map(({ method, path }) => `${method} ${path.replace(/^.*\/repos\/acme\/claims/, '')}`)
    },
  }
}
