// Prints the problems of custom resources, one JSON list a line for each of the input.
// Unknown fields are no problem of the schemas, so the names of all fields are compared
// with the type definitions of the package.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const packages = new Map([
  ['monitoring.coreos.com', 'prometheus-operator'],
  ['gateway.networking.k8s.io', 'gateway-api'],
  ['external-secrets.io', 'external-secrets'],
]);
// Free names: those of labels and annotations, and what is validated elsewhere.
const free = new Set(['labels', 'annotations', 'matchLabels']);

const declaredFields = (folder, found = new Set()) => {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && entry.name !== 'node_modules') declaredFields(path, found);
    if (!entry.name.endsWith('.d.ts')) continue;
    for (const [, name] of readFileSync(path, 'utf8').matchAll(/^\s*"(\w+)"\??:/gm)) found.add(name);
  }
  return found;
};

const usedFields = (value) => Array.isArray(value) ? value.flatMap(usedFields)
  : value === null || typeof value !== 'object' ? []
  : Object.entries(value).flatMap(([name, inner]) =>
    free.has(name) ? [] : [name, ...usedFields(inner)]);

for (const resource of JSON.parse(readFileSync(0, 'utf8'))) {
  const [group, version] = resource.apiVersion.split('/');
  const folder = join('node_modules', '@kubernetes-models', packages.get(group));
  const module = join(folder, group, version, `${resource.kind}.js`);
  const { [resource.kind]: Model } = await import(pathToFileURL(module));
  const problems = [];
  try {
    new Model(resource).validate();
  } catch (error) {
    problems.push(error.message);
  }
  const declared = declaredFields(folder);
  for (const name of usedFields(resource.spec)) {
    if (!declared.has(name)) problems.push(`unknown field ${name}`);
  }
  console.log(JSON.stringify(problems));
}
