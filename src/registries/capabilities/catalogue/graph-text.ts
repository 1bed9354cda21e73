/** A graph in the languages of Graphviz and Mermaid. */
import { isHard, type Graph, type GraphEdge } from './graph.ts'

export const graphFormats = {
  dot: { type: 'text/vnd.graphviz; charset=utf-8', write: dotText },
  mermaid: { type: 'text/vnd.mermaid; charset=utf-8', write: mermaidText },
} as const

export function dotText({ nodes, edges }: Graph): string {
  const lines = [...nodes.values()].map(({ id, type, version }) => {
    const shape = type === 'service' ? 'box' : 'ellipse'
    return `  ${dotQuoted(id)} [shape=${shape}, label=${dotQuoted(`${id}\n${version}`)}]`
  })
  for (const id of missingOf({ nodes, edges })) lines.push(`  ${dotQuoted(id)} [color=red, style=dashed]`)
  for (const edge of edges) {
    const style = isHard(edge) ? '' : ', style=dashed'
    lines.push(`  ${dotQuoted(edge.from)} -> ${dotQuoted(edge.to)} [label=${dotQuoted(labelOf(edge))}${style}]`)
  }
  return ['digraph capabilities {', '  rankdir=LR', ...lines, '}', ''].join('\n')
}

export function mermaidText({ nodes, edges }: Graph): string {
  const missing = missingOf({ nodes, edges })
  const names = new Map([...nodes.keys(), ...missing].map((id, at) => [id, `n${at}`]))
  const lines = [...nodes.values()].map(({ id, type, version }) => {
    const label = `"${mermaidQuoted(id)}<br/>${mermaidQuoted(version)}"`
    return `  ${names.get(id)}${type === 'service' ? `[${label}]` : `(${label})`}`
  })
  for (const id of missing) lines.push(`  ${names.get(id)}["${mermaidQuoted(id)}"]:::missing`)
  for (const edge of edges) {
    const arrow = isHard(edge) ? '-->' : '-.->'
    lines.push(`  ${names.get(edge.from)} ${arrow}|"${mermaidQuoted(labelOf(edge))}"| ${names.get(edge.to)}`)
  }
  if (missing.length > 0) lines.push('  classDef missing stroke:red,stroke-dasharray:4')
  return ['flowchart LR', ...lines, ''].join('\n')
}

function labelOf({ relationship, version }: GraphEdge): string {
  return version === '*' ? relationship : `${relationship} ${version}`
}

function missingOf({ nodes, edges }: Graph): string[] {
  return [...new Set(edges.map(({ to }) => to).filter((to) => !nodes.has(to)))]
}

function dotQuoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
}

/** Mermaid knows entities by number; "#" begins them. */
function mermaidQuoted(text: string): string {
  return text.replace(/[#"<>&`\n]/g, (char) => `#${char.codePointAt(0)};`)
}
