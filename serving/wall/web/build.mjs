// Bundles the page into ../static: one script, one style sheet, both with a hash in their names, and the HTML that
// names them. `npm run build` checks types first.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename } from "node:path";

const out = new URL("../static/", import.meta.url).pathname;
await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const { metafile } = await build({
  entryPoints: { app: "src/main.ts", style: "src/style.css" },
  outdir: out,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "none",
  charset: "utf8",
  entryNames: "[name]-[hash]",
  metafile: true,
});
const named = Object.keys(metafile.outputs).map((path) => basename(path));
const of = (ending) => named.find((name) => name.endsWith(ending));
const html = await readFile("src/index.html", "utf8");
await writeFile(`${out}index.html`, html.replace("{{script}}", of(".js")).replace("{{style}}", of(".css")));
await writeFile(`${out}logo.svg`, await readFile("src/logo.svg"));

// What the bundle was built from, so that a test without Node can tell whether it is that of the sources.
const digest = createHash("sha256");
for (const name of (await readdir("src")).sort()) digest.update(`${name}\n`).update(await readFile(`src/${name}`));
await writeFile(`${out}built-from.txt`, `${digest.digest("hex")}\n`);
