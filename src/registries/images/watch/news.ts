/** What deployers' syncs are to look at: gathered for each, handed to whoever runs the hints of its source. */
import type { Scope } from '../../../engine/scope.ts'
import type { Hint } from '../../../engine/source.ts'

export interface News {
  tell(deployer: string, scope: Scope): void
  /** Runs until the signal aborts. What was told while nobody listened comes first. */
  hints(deployer: string, signal: AbortSignal): AsyncGenerator<Hint>
}

interface Line {
  readonly pending: Set<Scope>
  wake: () => void
}

export function createNews(): News {
  const lines = new Map<string, Line>()

  function lineOf(deployer: string): Line {
    const line = lines.get(deployer) ?? { pending: new Set<Scope>(), wake: () => {} }
    lines.set(deployer, line)
    return line
  }

  return {
    tell(deployer, scope) {
      const line = lineOf(deployer)
      line.pending.add(scope)
      line.wake()
    },
    async *hints(deployer, signal) {
      const line = lineOf(deployer)
      while (!signal.aborted) {
        const scopes = [...line.pending]
        line.pending.clear()
        for (const scope of scopes) yield { scope }
        if (line.pending.size === 0) await told(line, signal)
      }
    },
  }
}

function told(line: Line, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    line.wake = () => {
      signal.removeEventListener('abort', line.wake)
      line.wake = () => {}
      resolve()
    }
    signal.addEventListener('abort', line.wake, { once: true })
  })
}
