// Makes the files of ../ from the packages that npm has installed beside this one: `node build.mjs FOLDER`.
import { build } from "esbuild";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const to = process.argv[2];
const packages = join(here, "node_modules");

await build({
  entryPoints: ["ui", "markdown", "highlight"].map((name) => join(here, `${name}.js`)),
  outdir: to,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "none",
});

const used = ["preact", "@preact/signals", "@preact/signals-core", "htm", "marked", "dompurify", "@highlightjs/cdn-assets"];
let text = "The licences of the libraries in this folder.\n";
for (const name of used) {
  const folder = join(packages, name);
  const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const file = (await readdir(folder)).find((entry) => /^licen[cs]e(\.|$)/i.test(entry));
  text += `\n=== ${name} ${version} (${license})\n\n${(await readFile(join(folder, file), "utf8")).trim()}\n`;
}
await writeFile(join(to, "LICENSES.txt"), text);
