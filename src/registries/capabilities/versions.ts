/** Versions and constraints of capabilities: SemVer 2.0.0, and ranges as npm has them. */
import semver from 'semver'

export function isVersion(text: string): boolean {
  // The library also takes "v1.2.0" and blanks around; the specification does not.
  return /^\d/.test(text) && text.trim() === text && semver.parse(text) !== null
}

export function isConstraint(text: string): boolean {
  return text.trim() !== '' && semver.validRange(text) !== null
}

/** null: one of the two cannot be understood, so that nothing can be said. */
export function meets(version: string, constraint: string): boolean | null {
  if (constraint === '*') return true
  return isVersion(version) && isConstraint(constraint) ? semver.satisfies(version, constraint) : null
}
