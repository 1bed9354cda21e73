import { AppError } from '../kernel/errors.ts'

/** One thing that is wrong with the configuration. Never holds a value of it: values may be secret. */
export interface Problem {
  /** `capabilities.catalog.targets[0].endpoint`; '' is the whole file. */
  readonly path: string
  /** The config file, or the flag that set the value. */
  readonly file: string
  /** From 1; null where a flag or a missing file is to blame. */
  readonly line: number | null
  readonly column: number | null
  /** What is wrong, to be read after the path: "is missing". */
  readonly what: string
  /** The next step, where one can be told. */
  readonly hint: string | null
}

export type Path = readonly (string | number)[]

/** Dots and brackets, names in quotes where they hold anything else: `a.b[0]["x.y"]`. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    if (!/^[\w-]+$/.test(part)) return `${text}[${JSON.stringify(part)}]`
    return text === '' ? part : `${text}.${part}`
  }, '')
}

/** One line: `regista.yaml:3:5: server.lisen: is not known; did you mean listen?` */
export function problemLine(problem: Problem): string {
  const place = [problem.file, problem.line, problem.column].filter((part) => part !== null).join(':')
  const subject = problem.path === '' ? '' : `${problem.path} `
  return `${place}: ${subject}${problem.what}${problem.hint === null ? '' : `; ${problem.hint}`}`
}

/** All of them as one error: its detail has a line per problem, its data the list. */
export function problemsError(problems: readonly Problem[]): AppError {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  return new AppError('config.invalid', [count, ...problems.map(problemLine)].join('\n'), { data: { problems } })
}

/** The problems that such an error carries; empty for any other. */
export function problemsOf(error: unknown): readonly Problem[] {
  if (!(error instanceof AppError) || error.code !== 'config.invalid') return []
  return (error.data['problems'] as readonly Problem[] | undefined) ?? []
}
