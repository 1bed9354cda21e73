/** Commands of one registry: its routes are there only where the configuration has its section. */
import { AppError } from '../kernel/errors.ts'
import type { Act, Action } from './command.ts'

/** Where the section is not there, its routes are not: say that. Another "not found" says what is missing. */
export function namingSection(act: Act, section: string): Act {
  return <A extends unknown[]>(action: Action<A>) =>
    act(async (run, ...given: A) => {
      try {
        return await action(run, ...given)
      } catch (thrown) {
        const missing = thrown instanceof AppError && thrown.detail.startsWith('There is nothing at ')
        if (!missing) throw thrown
        const detail = `the configuration has no section ${section}; docs/${section}.md shows one`
        throw new AppError('request.not-found', detail, { cause: thrown })
      }
    })
}
