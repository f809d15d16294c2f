/** Rows as a file that every program reads: RFC 4180. */

import { labelOf, type Manifest, type Rows } from "./data";

const DIGITS = 9; // with which a float32 comes back as it was

/** Returns the columns row, label and z0, z1, … of the rows at the given positions. */
export function csvOf(rows: Rows, manifest: Manifest, positions: ArrayLike<number>): string {
  const d = manifest.latentDim;
  const header = ["row", "label", ...Array.from({ length: d }, (_, i) => `z${i}`)];
  const lines = Array.from(positions, (position) => {
    const z = rows.means.subarray(position * d, (position + 1) * d);
    const coordinates = Array.from(z, (value) => Number(value.toPrecision(DIGITS)));
    return [rows.numbers[position], quoted(labelOf(rows, manifest, position)), ...coordinates].join(",");
  });
  return [header.join(","), ...lines, ""].join("\r\n");
}

function quoted(text: string): string {
  const safe = isFormula(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Whether a spreadsheet may run the text as a formula (OWASP, "CSV Injection"); a number with a sign is none. */
function isFormula(text: string): boolean {
  return /^[=@\t\r]/.test(text) || (/^[+-]/.test(text) && Number.isNaN(Number(text)));
}
