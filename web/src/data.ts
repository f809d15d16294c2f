/** The run that the page shows: its manifest and its arrays, from the server or from the page itself. */

export type Vector = Float32Array;

/** The two latent dimensions that the map shows, or the plane of the principal components. */
export type Axes = readonly [number, number] | "pca";

export interface Column {
  readonly name: string;
  readonly offset: number;
  readonly scale: number;
}

export interface ArrayEntry {
  readonly file: string;
  readonly type: "float32" | "int32" | "int16" | "uint8";
  readonly shape: readonly number[];
}

/** A plane with a grid of values of the prior's log density. */
export interface Prior {
  readonly axes: Axes;
  readonly extent: readonly [readonly [number, number], readonly [number, number]];
  readonly side: number;
  readonly file: string;
}

export interface Manifest {
  readonly format: number;
  readonly title: string;
  readonly recipe: string;
  readonly version: string;
  readonly rows: number;
  readonly latentDim: number;
  readonly shape: readonly number[];
  readonly isImage: boolean;
  readonly kind: string;
  readonly columns: readonly Column[];
  readonly classes: readonly string[];
  readonly conditions: readonly string[];
  readonly arrays: Readonly<Record<string, ArrayEntry>>;
  readonly activity: readonly number[];
  readonly quantiles: { readonly levels: readonly number[]; readonly values: readonly (readonly number[])[] };
  readonly prior: readonly Prior[];
  readonly pca: { readonly mean: readonly number[]; readonly components: readonly (readonly number[])[] } | null;
}

/** The rows: what the model says of each. What the run lacks is null. */
export interface Rows {
  readonly means: Float32Array;
  readonly standardDeviations: Float32Array | null;
  readonly labels: Int16Array | null;
  readonly numericLabels: Float32Array | null;
  readonly numbers: Int32Array;
  readonly heldOut: Uint8Array | null;
  readonly error: Float32Array | null;
  readonly anomaly: Float32Array | null;
  readonly clusters: Int16Array | null;
}

export type Examples = Uint8Array | Float32Array;

const FORMAT = 3;
const ARRAYS = [
  ...["means", "standardDeviations", "labels", "numericLabels", "rowNumbers"],
  ...["heldOut", "error", "anomaly", "clusters"],
];
const MANIFEST = "manifest.json";
export const REMEDY = "run enfold explore or enfold share again";

/** Returns the bytes of a file of the run. */
export async function load(name: string): Promise<Uint8Array<ArrayBuffer>> {
  if (isOneFile()) return decompressed(name);
  const response = await fetch(`data/${name}`);
  if (!response.ok)
    throw new Error(
      `Cannot read data/${name} (${response.status} ${response.statusText}). Is enfold explore running?`,
    );
  return new Uint8Array(await response.arrayBuffer());
}

export async function loadManifest(): Promise<Manifest> {
  const manifest = JSON.parse(new TextDecoder().decode(await load(MANIFEST))) as Manifest;
  if (manifest.format !== FORMAT) {
    throw new Error(`Expected data of format ${FORMAT}, got ${manifest.format}. Reload the page, or ${REMEDY}.`);
  }
  return manifest;
}

export async function loadRows(manifest: Manifest): Promise<Rows> {
  const read = (name: string) => loadArray(manifest, name);
  const [means, standardDeviations, labels, numericLabels, numbers, heldOut, error, anomaly, clusters] =
    await Promise.all(ARRAYS.map(read));
  return {
    means: means as Float32Array,
    standardDeviations: standardDeviations as Float32Array | null,
    labels: labels as Int16Array | null,
    numericLabels: numericLabels as Float32Array | null,
    numbers: (numbers as Int32Array | null) ?? Int32Array.from({ length: manifest.rows }, (_, i) => i),
    heldOut: heldOut as Uint8Array | null,
    error: error as Float32Array | null,
    anomaly: anomaly as Float32Array | null,
    clusters: clusters as Int16Array | null,
  };
}

export async function loadExamples(manifest: Manifest): Promise<Examples | null> {
  return (await loadArray(manifest, "examples")) as Examples | null;
}

/** Returns the prior's log density on the plane's grid, (side, side). */
export async function loadPrior({ file }: Prior): Promise<Float32Array> {
  return new Float32Array((await load(file)).buffer);
}

/** How many values an example has. */
export function exampleSize(manifest: Manifest): number {
  return manifest.shape.reduce((product, side) => product * side, 1);
}

/** Returns an image's raw values as bytes, 0…255, in the order of the decoder: channel, row, column. */
export function bytesOf(values: ArrayLike<number>, manifest: Manifest): Uint8Array {
  const scale = 255 / Math.max(...manifest.columns.map((column) => column.scale));
  return Uint8Array.from(values, (value) => Math.min(Math.max(Math.round(value * scale), 0), 255));
}

/** Returns the latent dimensions, the one that varies most first. */
export function byActivity({ activity, latentDim }: Manifest): number[] {
  return Array.from({ length: latentDim }, (_, i) => i).sort((a, b) => (activity[b] ?? 0) - (activity[a] ?? 0));
}

/** Returns the latent mean of a row. */
export function meanOf(rows: Rows, manifest: Manifest, row: number): Vector {
  return rows.means.slice(row * manifest.latentDim, (row + 1) * manifest.latentDim);
}

/** Returns the class of a row that a conditional model is conditioned on, by position; −1: unknown. */
export function conditionOf(rows: Rows, manifest: Manifest, row: number): number {
  const label = rows.labels?.[row] ?? -1;
  return label < 0 ? -1 : manifest.conditions.indexOf(manifest.classes[label] ?? "");
}

/** Returns a row's label as text, "" where it has none. */
export function labelOf(rows: Rows, manifest: Manifest, row: number): string {
  const label = rows.labels?.[row] ?? -1;
  if (label >= 0) return manifest.classes[label] ?? String(label);
  const value = rows.numericLabels?.[row] ?? Number.NaN;
  return Number.isNaN(value) ? "" : String(Number(value.toPrecision(6)));
}

/** Returns what to call a row: its number and, if it has one, its label. */
export function nameOf(rows: Rows, manifest: Manifest, row: number): string {
  const label = labelOf(rows, manifest, row);
  return `row ${rows.numbers[row]}${label && `, label ${label}`}`;
}

function isOneFile(): boolean {
  return document.getElementById(`data/${MANIFEST}`) !== null;
}

async function decompressed(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const element = document.getElementById(`data/${name}`);
  if (!element) throw new Error(`${name} is missing from this file. To fix it, run enfold share again.`);
  const compressed = fromBase64((element.textContent ?? "").trim());
  const stream = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function loadArray(manifest: Manifest, name: string) {
  const entry = manifest.arrays[name];
  if (!entry) return null;
  const bytes = await load(entry.file);
  const values = typed(bytes.buffer, entry.type);
  const expected = entry.shape.reduce((product, side) => product * side, 1);
  if (values.length !== expected) {
    throw new Error(`Expected ${expected} values in ${entry.file}, got ${values.length}. To fix it, ${REMEDY}.`);
  }
  return values;
}

function typed(buffer: ArrayBuffer, type: ArrayEntry["type"]) {
  switch (type) {
    case "float32":
      return new Float32Array(buffer);
    case "int32":
      return new Int32Array(buffer);
    case "int16":
      return new Int16Array(buffer);
    case "uint8":
      return new Uint8Array(buffer);
  }
}
