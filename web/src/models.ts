/** The encoder and the decoder, run by onnxruntime in the page. */

import * as ort from "onnxruntime-web/wasm";
import { exampleSize, load, type Manifest, type Vector } from "./data";
import type { Posterior } from "./state";

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
  const decoding = await ort.InferenceSession.create(decoder);
  const encoding = inTurn(async () => ort.InferenceSession.create(await load("encoder.onnx")));
  const { latentDim, conditions, shape } = manifest;
  const size = exampleSize(manifest);
  const isTold = conditions.length > 0;

  return {
    decode: (z, condition) =>
      inTurn(async () => {
        const n = z.length / latentDim;
        const feeds = { z: new ort.Tensor("float32", z, [n, latentDim]), ...(isTold && told(n, condition)) };
        return values(await decoding.run(feeds), "mean", n * size);
      }),
    encode: async (x, condition) => {
      const session = await encoding;
      return inTurn(async () => {
        const feeds = { x: new ort.Tensor("float32", x, [1, ...shape]), ...(isTold && told(1, condition)) };
        const outputs = await session.run(feeds);
        const scaleTril = values(outputs, "scale_tril", latentDim * latentDim);
        return { mean: values(outputs, "mean", latentDim), scaleTril };
      });
    },
  };
}

function told(n: number, condition: number) {
  return { condition: new ort.Tensor("int64", new BigInt64Array(n).fill(BigInt(condition)), [n]) };
}

function values(outputs: ort.InferenceSession.OnnxValueMapType, name: string, length: number): Float32Array {
  const data = (outputs[name] as ort.Tensor | undefined)?.data;
  if (!(data instanceof Float32Array) || data.length !== length) {
    throw new Error(`The model gives no ${length} values '${name}'. Make the page again.`);
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
