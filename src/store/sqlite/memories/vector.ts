/**
 * Embeddings as the store keeps them: 32-bit floats of length one, and their signs. Signs are a
 * thirty-second of the size: comparing them tells which vectors are worth a real comparison. Used by
 * the store of memories.
 */

/** A vector of length one with its signs, as bytes. */
export interface VectorBytes {
  readonly vector: Uint8Array;
  readonly signs: Uint8Array;
}

/** Normalizes a vector and takes its signs. */
export function vectorBytes(values: Float32Array): VectorBytes {
  let square = 0;
  for (const value of values) square += value * value;
  const scale = square > 0 ? 1 / Math.sqrt(square) : 0;
  const normal = values.map((value) => value * scale);
  const signs = new Uint8Array(Math.ceil(values.length / 32) * 4);
  for (let index = 0; index < values.length; index++) {
    if (values[index]! > 0) signs[index >> 3]! |= 1 << (index & 7);
  }
  return { vector: new Uint8Array(normal.buffer, normal.byteOffset, normal.byteLength), signs };
}

/** How many signs differ from those of each vector in `all`, which lie one behind the other. */
export function signDistances(signs: Uint8Array, all: Uint8Array): readonly number[] {
  const wanted = aligned(signs, Uint32Array);
  const found = aligned(all, Uint32Array);
  const distances: number[] = [];
  for (let start = 0; start < found.length; start += wanted.length) {
    let distance = 0;
    for (let index = 0; index < wanted.length; index++) {
      distance += bits(wanted[index]! ^ found[start + index]!);
    }
    distances.push(distance);
  }
  return distances;
}

/** The cosine of two vectors of length one; 0 where they have not the same length. */
export function cosine(left: Uint8Array, right: Uint8Array): number {
  if (left.length !== right.length) return 0;
  const a = aligned(left, Float32Array);
  const b = aligned(right, Float32Array);
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += a[index]! * b[index]!;
  return sum;
}

/** A view of bytes as numbers of four; the driver may give bytes that do not lie on a fourth. */
function aligned<T>(
  bytes: Uint8Array,
  view: new (buffer: ArrayBufferLike, offset: number, length: number) => T,
): T {
  const { buffer, byteOffset, length } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new view(buffer, byteOffset, length / 4);
}

/** How many bits of a 32-bit number are set. */
function bits(value: number): number {
  let count = value - ((value >>> 1) & 0x55555555);
  count = (count & 0x33333333) + ((count >>> 2) & 0x33333333);
  count = (count + (count >>> 4)) & 0x0f0f0f0f;
  return Math.imul(count, 0x01010101) >>> 24;
}
