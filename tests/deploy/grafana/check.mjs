// Writes the dashboard as literals of the types of Grafana, one line for each part, and
// prints what the compiler finds: unknown fields, wrong types and unknown enum values.
import { readFileSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';

const sdk = '@grafana/grafana-foundation-sdk';
// The types of the JSON: an enum is one of its texts, and no field is required.
const json = `type Json<T> = T extends string ? \`\${T}\` : T extends number | boolean | null ? T
  : T extends (infer Item)[] ? Json<Item>[] : { [Name in keyof T]?: Json<T[Name]> };`;
const { panels, ...dashboard } = JSON.parse(readFileSync(0, 'utf8'));
const kinds = new Set(panels.map((panel) => panel.type).filter((type) => type !== 'row'));
const imports = ['dashboard', 'prometheus', ...kinds]
  .map((name) => `import type * as ${name} from '${sdk}/${name}';`);
const parts = [];
const add = (where, type, value) => parts.push([where, type, value]);

add('dashboard', 'dashboard.Dashboard', dashboard);
for (const { type, targets = [], options = {}, fieldConfig = {}, ...panel } of panels) {
  if (type === 'row') {
    add(panel.title, 'dashboard.RowPanel', { ...panel, type });
    continue;
  }
  const { custom = {}, ...defaults } = fieldConfig.defaults ?? {};
  add(panel.title, 'dashboard.Panel', { ...panel, type });
  add(panel.title, 'dashboard.FieldConfigSource', { ...fieldConfig, defaults });
  add(panel.title, `${type}.Options`, options);
  // Some kinds of panels have no fields of their own.
  if (Object.keys(custom).length) add(panel.title, `${type}.FieldConfig`, custom);
  for (const target of targets) add(panel.title, 'prometheus.Dataquery', target);
}
const constants = parts.map(([, type, value], index) =>
  `export const part${index}: Json<${type}> = ${JSON.stringify(value)};`);
const header = [...imports, ...json.split('\n')];
writeFileSync('dashboard.ts', [...header, ...constants].join('\n'));

const flags = ['--noEmit', '--strict', '--skipLibCheck', '--pretty', 'false',
  '--module', 'nodenext', '--moduleResolution', 'nodenext', '--target', 'es2022'];
const { stdout } = spawnSync('node', ['node_modules/typescript/bin/tsc', ...flags, 'dashboard.ts'],
  { encoding: 'utf8' });
for (const [, line, problem] of stdout.matchAll(/^dashboard\.ts\((\d+),\d+\): error (.*)$/gm)) {
  const part = parts[line - header.length - 1];
  console.log(part ? `${part[0]}, ${part[1]}: ${problem}` : problem);
}
