import { copyFileSync } from "node:fs";
import { createRequire } from "node:module";
import { defineConfig } from "vite";

const STATIC = "../src/enfold/explorer/static";
const runtime = createRequire(import.meta.url).resolve("onnxruntime-web/ort-wasm-simd-threaded.wasm");

/** Puts beside the script and the style what is used as it is. */
const asItIs = {
  name: "as-it-is",
  closeBundle() {
    for (const name of ["index.html", "licenses.txt"]) copyFileSync(name, `${STATIC}/${name}`);
    copyFileSync(runtime, `${STATIC}/runtime.wasm`);
  },
};

/** The page gives the runtime its binary: nothing is to be found by the script's own address, which a file has not. */
const withoutAddress = {
  name: "without-address",
  enforce: "pre",
  transform(code, id) {
    return id.includes("onnxruntime-web") ? code.replaceAll("import.meta.url", "document.baseURI") : null;
  },
};

// One classic script: it also runs inlined in a file, and from file://, where modules may not.
export default defineConfig({
  build: {
    outDir: STATIC,
    emptyOutDir: true,
    target: "es2022",
    lib: {
      entry: "src/main.ts",
      formats: ["iife"],
      name: "enfoldPage",
      fileName: () => "page.js",
      cssFileName: "page",
    },
  },
  plugins: [withoutAddress, asItIs],
});
