/** Texts that many share (kinds of checkers, keys of metadata), by number from 1; 0 is none. */
export interface Words {
  textOf(number: number): string | null
  /** Makes one where there is none. */
  numberOf(text: string): number
  /** 0: there is none. */
  find(text: string): number
}

export function createWords(): Words {
  const texts: (string | null)[] = [null]
  const numbers = new Map<string, number>()
  const find = (text: string) => numbers.get(text) ?? 0

  function numberOf(text: string): number {
    const known = find(text)
    if (known !== 0) return known
    numbers.set(text, texts.length)
    return texts.push(text) - 1
  }

  return { textOf: (number) => texts[number] ?? null, numberOf, find }
}
