/** The rows as points, drawn by WebGL. */

import { type Camera, pixelsPerUnit, type Size } from "./camera";
import { COLORS_TO_TELL_APART, type Coloring, type Rgb } from "./color";

export interface Points {
  /** Moves the points, x, y, x, y, … */
  place(plane: Float32Array): void;
  /** Colors the points; of those that are not lit, little remains. */
  paint(coloring: Coloring, palette: readonly Rgb[], lit: Uint8Array): void;
  draw(camera: Camera, size: Size, look: Look): void;
  /** Calls the listener when the browser had dropped all that was on its graphics card; place and paint again. */
  onRestored(listener: () => void): void;
}

export interface Look {
  /** The diameter in CSS pixels. */
  readonly diameter: number;
  readonly alpha: number;
  readonly dimAlpha: number;
}

const VERTEX = `#version 300 es
in vec2 place;
in uvec4 mark;
uniform vec4 camera;
uniform float diameter;
uniform vec2 alphas;
uniform float layer;
out vec4 color;
flat out uint shape;
void main() {
  bool isLit = (mark.w & 1u) == 1u;
  gl_Position = isLit == (layer == 1.0) ? vec4(place * camera.xy + camera.zw, 0, 1) : vec4(2, 2, 2, 1);
  gl_PointSize = diameter;
  color = vec4(vec3(mark.rgb) / 255.0, isLit ? alphas.x : alphas.y);
  shape = mark.w >> 1;
}`;

const FRAGMENT = `#version 300 es
precision highp float;
in vec4 color;
flat in uint shape;
uniform float diameter;
out vec4 fragment;
void main() {
  vec2 p = 2.0 * gl_PointCoord - 1.0;
  float disc = 1.0 - length(p);
  float triangle = min(1.0 - p.y, (p.y + 1.0) * 0.5 - abs(p.x)) * 0.9;
  float edge = (shape == 1u ? triangle : disc) * 0.5 * diameter;
  float alpha = color.a * clamp(edge + 0.5, 0.0, 1.0);
  fragment = vec4(color.rgb * alpha, alpha);
}`;

const LIT = 1;
const TRIANGLE = 2;

/** Returns null where the browser has no WebGL. */
export function createPoints(canvas: HTMLCanvasElement): Points | null {
  const gl = canvas.getContext("webgl2", { alpha: true, antialias: false, premultipliedAlpha: true });
  if (!gl) return null;
  let pipeline = createPipeline(gl);
  let count = 0;
  canvas.addEventListener("webglcontextlost", (event) => event.preventDefault()); // so that it is restored

  return {
    place(plane) {
      count = plane.length / 2;
      gl.bindBuffer(gl.ARRAY_BUFFER, pipeline.places);
      gl.bufferData(gl.ARRAY_BUFFER, plane, gl.DYNAMIC_DRAW);
    },
    paint(coloring, palette, lit) {
      gl.bindBuffer(gl.ARRAY_BUFFER, pipeline.marks);
      gl.bufferData(gl.ARRAY_BUFFER, marksOf(coloring, palette, lit), gl.DYNAMIC_DRAW);
    },
    draw(view, size, look) {
      const ratio = resize(canvas, size);
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clear(gl.COLOR_BUFFER_BIT);
      const unit = pixelsPerUnit(view, size);
      const [x, y] = [(2 * unit) / size.width, (2 * unit) / size.height];
      gl.uniform4f(pipeline.camera, x, y, -view.x * x, -view.y * y);
      gl.uniform1f(pipeline.diameter, look.diameter * ratio);
      gl.uniform2f(pipeline.alphas, look.alpha, look.dimAlpha);
      for (const layer of [0, 1]) {
        gl.uniform1f(pipeline.layer, layer);
        gl.drawArrays(gl.POINTS, 0, look.diameter ? count : 0);
      }
    },
    onRestored(listener) {
      canvas.addEventListener("webglcontextrestored", () => {
        pipeline = createPipeline(gl);
        listener();
      });
    },
  };
}

function createPipeline(gl: WebGL2RenderingContext) {
  const program = link(gl);
  const uniform = (name: string) => gl.getUniformLocation(program, name);
  gl.useProgram(program);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  return {
    places: attribute(gl, program, "place", (at) => gl.vertexAttribPointer(at, 2, gl.FLOAT, false, 0, 0)),
    marks: attribute(gl, program, "mark", (at) => gl.vertexAttribIPointer(at, 4, gl.UNSIGNED_BYTE, 0, 0)),
    camera: uniform("camera"),
    diameter: uniform("diameter"),
    alphas: uniform("alphas"),
    layer: uniform("layer"),
  };
}

/** Gives a canvas as many pixels as the screen has under it, and returns how many there are to a CSS pixel. */
export function resize(canvas: HTMLCanvasElement, size: Size): number {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [Math.round(size.width * ratio), Math.round(size.height * ratio)];
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  return ratio;
}

/** Returns red, green, blue and flags of each point. */
function marksOf(coloring: Coloring, palette: readonly Rgb[], lit: Uint8Array): Uint8Array {
  const marks = new Uint8Array(4 * lit.length);
  for (let i = 0; i < lit.length; i++) {
    const code = coloring.codes[i]!;
    const turn = coloring.kind === "classes" ? Math.floor(code / COLORS_TO_TELL_APART) % 2 : 0;
    marks.set(palette[code]!, 4 * i);
    marks[4 * i + 3] = (lit[i] ? LIT : 0) + turn * TRIANGLE;
  }
  return marks;
}

function attribute(gl: WebGL2RenderingContext, program: WebGLProgram, name: string, describe: (at: number) => void) {
  const buffer = gl.createBuffer();
  const at = gl.getAttribLocation(program, name);
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  gl.enableVertexAttribArray(at);
  describe(at);
  return buffer;
}

function link(gl: WebGL2RenderingContext): WebGLProgram {
  const program = gl.createProgram();
  for (const [type, source] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ] as const) {
    const shader = gl.createShader(type)!;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program) ?? "WebGL");
  return program;
}
