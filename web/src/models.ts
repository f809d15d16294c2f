/** The encoder and the decoder, run by onnxruntime in the page. */

import * as ort from "onnxruntime-web/wasm";
import { bytesOf, exampleSize, load, type Manifest, REMEDY, type Rows, type Vector } from "./data";

const SOME = 32; // rows
const DARK = 115; // of 255, the mean up to which the background of images is dark

/** What the encoder says of an example: q(z|x). */
export interface Posterior {
  readonly mean: Vector;
  /** The lower Cholesky factor of the covariance, row after row. */
  readonly scaleTril: Float32Array;
}

export interface Models {
  /** Decodes latent vectors, one after the other in `z`, to examples in raw units, one after the other. */
  decode(z: Vector, condition: number): Promise<Float32Array>;
  /** Encodes one example in raw units. */
  encode(x: Float32Array, condition: number): Promise<Posterior>;
}

export async function loadModels(manifest: Manifest): Promise<Models> {
  const [runtime, decoder] = await Promise.all([load("runtime.wasm"), load("decoder.onnx")]);
  ort.env.wasm.wasmBinary = runtime;
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  const inTurn = queue();
  const decoding = await ort.InferenceSession.create(decoder).catch(unable);
  const encoding = inTurn(async () => ort.InferenceSession.create(await load("encoder.onnx")));
  const { latentDim, conditions, shape } = manifest;
  const size = exampleSize(manifest);
  const isConditional = conditions.length > 0;

  return {
    decode: (z, condition) =>
      inTurn(async () => {
        const n = z.length / latentDim;
        const feeds = {
          z: new ort.Tensor("float32", z, [n, latentDim]),
          ...(isConditional && conditionInput(n, condition)),
        };
        return values(await decoding.run(feeds), "mean", n * size);
      }),
    encode: async (x, condition) => {
      const session = await encoding;
      return inTurn(async () => {
        const feeds = {
          x: new ort.Tensor("float32", x, [1, ...shape]),
          ...(isConditional && conditionInput(1, condition)),
        };
        const outputs = await session.run(feeds);
        const scaleTril = values(outputs, "scale_tril", latentDim * latentDim);
        return { mean: values(outputs, "mean", latentDim), scaleTril };
      });
    },
  };
}

function unable(error: unknown): never {
  const reason = error instanceof Error ? error.message : String(error);
  throw new Error(
    "This browser cannot run the model, so nothing is decoded or encoded; the map works without it. " +
      `Try a current Firefox, Chrome, Edge or Safari. (${reason})`,
  );
}

/** Whether the images are light on a dark background, judged by the reconstructions of some rows. */
export async function findDarkBackground(models: Models, rows: Rows, manifest: Manifest): Promise<boolean> {
  if (manifest.shape[0] !== 1) return false;
  const bytes = bytesOf(await models.decode(rows.means.slice(0, SOME * manifest.latentDim), -1), manifest);
  return bytes.reduce((sum, value) => sum + value, 0) / bytes.length < DARK;
}

function conditionInput(n: number, condition: number) {
  return { condition: new ort.Tensor("int64", new BigInt64Array(n).fill(BigInt(condition)), [n]) };
}

function values(outputs: ort.InferenceSession.OnnxValueMapType, name: string, length: number): Float32Array {
  const data = (outputs[name] as ort.Tensor | undefined)?.data;
  if (!(data instanceof Float32Array) || data.length !== length) {
    throw new Error(`Expected ${length} values of '${name}' from the model. To fix it, ${REMEDY}.`);
  }
  return data;
}

/** Returns a function that runs tasks one after the other: the runtime has one thread. */
function queue() {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(task: () => Promise<T>): Promise<T> => {
    const result = last.then(task, task);
    last = result.catch(() => undefined);
    return result;
  };
}
