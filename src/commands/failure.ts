import { problemsOf, problemLine } from '../config/problem.ts'
import { AppError, asAppError } from '../kernel/errors.ts'
import { counted, type Globals } from './command.ts'
import { oneLine, type Terminal } from './terminal.ts'

/** Says on stderr what went wrong and what to do next. A stack is shown with --debug only. */
export function printFailure(terminal: Terminal, globals: Pick<Globals, 'output' | 'debug'>, thrown: unknown): void {
  const error = asAppError(thrown)
  const problems = problemsOf(error)
  if (globals.output === 'json') {
    const body = { code: error.code, detail: error.detail, ...(problems.length > 0 && { problems }) }
    terminal.err(`${JSON.stringify(body)}\n`)
  } else if (problems.length > 0) {
    terminal.err(`regista: the configuration has ${counted(problems.length, 'problem')}:\n`)
    for (const problem of problems) terminal.err(`  ${oneLine(problemLine(problem))}\n`)
  } else {
    terminal.err(`regista: ${oneLine(error.message)}\n`)
    if (error.class === 'bug' && !globals.debug) terminal.err('Run it again with --debug to see where.\n')
  }
  if (globals.debug) terminal.err(`${stackOf(thrown)}\n`)
}

function stackOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  const cause = thrown.cause === undefined ? '' : `\ncaused by: ${stackOf(thrown.cause)}`
  const data = thrown instanceof AppError ? `\ndata: ${JSON.stringify(thrown.data)}` : ''
  return `${thrown.stack ?? thrown.message}${data}${cause}`
}
