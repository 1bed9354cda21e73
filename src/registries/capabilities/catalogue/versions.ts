/** Versions and constraints of capabilities: SemVer 2.0.0, and ranges as npm has them. */
import semver from 'semver'

export function isVersion(text: string): boolean {
  // The library also takes "v1.2.0" and blanks around; the specification does not.
  return /^\d/.test(text) && text.trim() === text && semver.parse(text) !== null
}

export interface Ranges {
  isConstraint(text: string): boolean
  /** null: one of the two cannot be understood, so that nothing can be said. */
  meets(version: string, constraint: string): boolean | null
}

/** Thousands of edges say a handful of constraints: each is understood once. To be dropped with what it is used for. */
export function createRanges(): Ranges {
  const constraints = new Map<string, semver.Range | null>()
  const versions = new Map<string, boolean>()
  const rangeOf = (text: string) => {
    let range = constraints.get(text)
    if (range === undefined) constraints.set(text, (range = parseRange(text)))
    return range
  }
  return {
    isConstraint: (text) => rangeOf(text) !== null,
    meets(version, constraint) {
      if (constraint === '*') return true
      const range = rangeOf(constraint)
      let valid = versions.get(version)
      if (valid === undefined) versions.set(version, (valid = isVersion(version)))
      return range !== null && valid ? range.test(version) : null
    },
  }
}

function parseRange(text: string): semver.Range | null {
  if (text.trim() === '') return null
  try {
    return new semver.Range(text)
  } catch {
    return null
  }
}
